// Brings the results of an offline station back: each device's Lease goes from the bundle to the board that became
// it. May be run again at any time. Talks to the API server.
import type { KubernetesApi } from "../../kubernetes/api.ts";
import { BoardLeases, boardsIn, type ClassPlace } from "../board-lease.ts";
import { BoardConflict, type BoardRecord } from "../board-record.ts";
import type { ResultEntry } from "../station/result-log.ts";
import { boardsOf } from "./bundle-source.ts";

export interface MergeResult {
  /** Devices whose Lease tells now what the log does. */
  merged: string[];
  /** Two boards with one device, or two devices with one board; each message names both. */
  conflicts: string[];
  /** Free again, since no board became them. */
  released: string[];
}

/** @param options.release the bundles will not be used again: what is left of their devices is free again */
export async function mergeResults(
  api: KubernetesApi,
  entries: readonly ResultEntry[],
  options: { release?: boolean } = {},
): Promise<MergeResult> {
  const result: MergeResult = { merged: [], conflicts: [], released: [] };
  for (const group of groups(entries)) {
    const leases = new BoardLeases(api, group.place);
    const first = boardsOf(group.entries);
    const others = await boardsIn(api, group.place.namespace, group.place.cluster);
    for (const board of first.values()) {
      const other = others.find(({ device, holder }) => holder === board.holder && device !== board.device);
      if (other) result.conflicts.push(anotherDevice(board, other.device));
      else await mergeBoard(leases, board, `bundle:${group.bundle}`, result);
    }
    for (const { device, mac } of group.entries) {
      const holder = device && first.get(device)?.holder;
      if (holder && mac && holder !== mac)
        result.conflicts.push(new BoardConflict(device, holder, mac).message);
    }
    if (options.release) result.released.push(...(await releaseBundle(api, group.place, group.bundle)));
  }
  return result;
}

/** Frees the devices that are reserved for a bundle and no board became. */
export async function releaseBundle(
  api: KubernetesApi,
  place: ClassPlace,
  bundle: string,
): Promise<string[]> {
  const leases = new BoardLeases(api, place);
  const released: string[] = [];
  for (const { device, holder } of await leases.list()) {
    if (holder === `bundle:${bundle}` && (await leases.release(device, holder))) released.push(device);
  }
  return released;
}

function anotherDevice({ device, holder }: BoardRecord, other: string): string {
  return `The board ${holder} became ${device} at the bench and is ${other} in the cluster: free ${other} with "npx edgeflock replace-board ${other}" and merge again, or flash the board as ${other} again.`;
}

async function mergeBoard(
  leases: BoardLeases,
  board: BoardRecord,
  from: string,
  result: MergeResult,
): Promise<void> {
  const { device, holder, configDigest, artifactDigest, firmwareVersion, generation } = board;
  const { takenAt, flashedAt, flashedBy } = board;
  const mac = holder as string;
  try {
    const now = await leases.claim(device, mac, { from });
    // what was flashed since then at another bench is not overwritten
    if (flashedAt === undefined) {
      if (takenAt !== undefined && (now.flashedAt ?? "") < takenAt) await leases.startWriting(device, mac);
    } else if ((now.flashedAt ?? "") < flashedAt) {
      await leases.record(device, mac, {
        flashedAt,
        flashedBy: flashedBy ?? "unknown",
        ...(configDigest && { config: { digest: configDigest, generation } }),
        ...(artifactDigest && { artifactDigest }),
        ...(firmwareVersion && { firmwareVersion }),
      });
    }
    result.merged.push(device);
  } catch (error) {
    if (!(error instanceof BoardConflict)) throw error;
    result.conflicts.push(error.message);
  }
}

interface Group {
  bundle: string;
  place: ClassPlace;
  entries: ResultEntry[];
}

function groups(entries: readonly ResultEntry[]): Group[] {
  const found = new Map<string, Group>();
  for (const entry of entries) {
    if (entry.bundle === undefined) continue;
    const { bundle, cluster, namespace, class: className } = entry;
    const key = JSON.stringify([bundle, cluster, namespace, className]);
    const group = found.get(key) ?? { bundle, place: { cluster, namespace, class: className }, entries: [] };
    group.entries.push(entry);
    found.set(key, group);
  }
  return [...found.values()];
}
