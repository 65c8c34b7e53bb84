// A station's source without a network: an opened bundle, and the result log beside it, which says which board has
// which of its devices. Reads that log; the station adds to it.
import { hostname, userInfo } from "node:os";
import { VisibleError } from "../../model/visible-error.ts";
import type { ClassPlace, FlashFacts } from "../board-lease.ts";
import { BoardConflict, type BoardRecord, latestByMac, noBoard, rfc3339 } from "../board-record.ts";
import type { DeviceConfig, FlashSource } from "../station/flash-source.ts";
import { type ResultEntry, readResults } from "../station/result-log.ts";
import type { Bundle } from "./bundle-file.ts";

/** Where the results of a bundle are; it goes back to the cluster with them. */
export function resultsOf(bundlePath: string): string {
  return `${bundlePath}.results.jsonl`;
}

export class BundleSource implements FlashSource {
  readonly place: ClassPlace;
  readonly artifact: Bundle["artifact"];
  readonly who = `${userInfo().username}@${hostname()}`;
  readonly bundle: string;
  readonly #bundle: Bundle;
  readonly #boards: Map<string, BoardRecord>;

  /** @param logPath of {@link resultsOf}; nobody else may add to it meanwhile */
  constructor(bundle: Bundle, logPath: string) {
    this.#bundle = bundle;
    this.place = bundle.place;
    this.artifact = bundle.artifact;
    this.bundle = bundle.id;
    this.#boards = boardsOf(readResults(logPath).filter((entry) => entry.bundle === bundle.id));
  }

  async firmware(): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.#bundle.firmware;
  }

  async *devices(): AsyncIterable<string> {
    for (const { device } of this.#bundle.devices) yield device;
  }

  async boards(): Promise<BoardRecord[]> {
    return [...this.#boards.values()];
  }

  async config(device: string): Promise<DeviceConfig> {
    const found = this.#bundle.devices.find((config) => config.device === device);
    if (found) return found;
    throw new VisibleError(`The bundle ${this.bundle} has no device "${device}".`, {
      hint: "Export another bundle with it.",
      exitCode: 6,
    });
  }

  async deviceOf(mac: string): Promise<BoardRecord | undefined> {
    return latestByMac([...this.#boards.values()]).get(mac);
  }

  /** Lasting once the station has written "claimed" to the log, which it does before it writes the board. */
  async claim(device: string, mac: string): Promise<BoardRecord> {
    const known = this.#boards.get(device);
    if (known?.holder !== undefined && known.holder !== mac)
      throw new BoardConflict(device, known.holder, mac, known.flashedAt);
    const record = known ?? { ...noBoard(device), holder: mac, takenAt: rfc3339() };
    this.#boards.set(device, record);
    return record;
  }

  /** Lasting by the same line of the log. */
  async startWriting(device: string, mac: string): Promise<void> {
    this.#boards.set(device, { ...noBoard(device), holder: mac, takenAt: rfc3339() });
  }

  /** Lasting by the log's next line. */
  async record(device: string, mac: string, facts: FlashFacts): Promise<void> {
    const { config, artifactDigest, firmwareVersion, flashedBy, flashedAt = rfc3339() } = facts;
    this.#boards.set(device, {
      ...noBoard(device),
      holder: mac,
      configDigest: config?.digest,
      generation: config?.generation,
      artifactDigest,
      firmwareVersion,
      flashedAt,
      flashedBy,
    });
  }
}

/** Who has which device by a log: the first board that was given it, and what it holds. */
export function boardsOf(entries: readonly ResultEntry[]): Map<string, BoardRecord> {
  const boards = new Map<string, BoardRecord>();
  for (const { outcome, device, mac, time, who, ...facts } of entries) {
    if (device === undefined || mac === undefined || outcome === "failed") continue;
    const known = boards.get(device);
    if (known?.holder !== undefined && known.holder !== mac) continue;
    const { configDigest, artifactDigest, firmwareVersion, generation } = facts;
    const held = { ...noBoard(device), holder: mac, takenAt: known?.takenAt ?? time };
    if (outcome === "unchanged") boards.set(device, known ?? held);
    // what it held is gone with the first byte
    else if (outcome === "claimed") boards.set(device, { ...held, takenAt: time });
    else {
      const flashed = { configDigest, artifactDigest, firmwareVersion, generation };
      boards.set(device, { ...held, ...flashed, flashedAt: time, flashedBy: who });
    }
  }
  return boards;
}
