// One board at one port, from plugged in to done. Runs esptool; writes the board's configuration to a private file
// while that lasts; notes everything in the source and the log.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import { BoardConflict, type BoardRecord, rfc3339 } from "../board-record.ts";
import type { DeviceQueue } from "./device-queue.ts";
import { type BoardFacts, BoardSwapped, type Esptool, type FileToWrite } from "./esptool.ts";
import type { DeviceConfig, FlashSource } from "./flash-source.ts";
import type { PreparedFirmware } from "./prepare-firmware.ts";
import type { ResultEntry, ResultLog } from "./result-log.ts";
import type { WriteBudget } from "./write-budget.ts";

export interface BoardContext {
  source: FlashSource;
  esptool: Esptool;
  firmware: PreparedFirmware;
  queue: DeviceQueue;
  budget: WriteBudget;
  log: ResultLog;
  /** Aborted when the board is taken out, or the station is to end. */
  signal: AbortSignal;
  baud: number;
  erase: boolean;
  /** Write boards that have everything already. */
  again: boolean;
  /** A scanned name that is refused ends the board's turn; otherwise the next device is tried. */
  scan: boolean;
  /** The board becomes this one and no other. */
  device: string | undefined;
  onState: (state: BoardState) => void;
}

export interface BoardState {
  doing: "asking" | "waiting for the others" | "waiting for a scan" | "writing";
  mac?: string;
  device?: string;
  /** From 0 to 1. */
  progress?: number;
}

/** `nothing left`: every device has its board. `not needed`: so many boards as were asked for are written. */
export type BoardOutcome =
  | { outcome: "flashed" | "unchanged"; entry: ResultEntry }
  | { outcome: "nothing left" | "not needed"; mac: string };

interface ChosenDevice {
  config: DeviceConfig;
  /** What is on the board, as its device's record says. */
  board: BoardRecord;
}

/** @throws VisibleError, which is in the log by then */
export async function flashBoard(port: string, context: BoardContext): Promise<BoardOutcome> {
  const started = Date.now();
  const { source, log } = context;
  const facts: Partial<ResultEntry> = {};
  const entry = (outcome: ResultEntry["outcome"], more: Partial<ResultEntry> = {}): ResultEntry => ({
    time: rfc3339(),
    outcome,
    who: source.who,
    port,
    class: source.place.class,
    cluster: source.place.cluster,
    namespace: source.place.namespace,
    ...(source.bundle !== undefined && { bundle: source.bundle }),
    ...facts,
    ...(outcome !== "claimed" && { milliseconds: Date.now() - started }),
    ...more,
  });
  const finish = (outcome: "flashed" | "unchanged") => {
    const result = entry(outcome);
    log.add(result);
    return { outcome, entry: result };
  };
  let begun = false;
  let written = false;
  try {
    context.onState({ doing: "asking" });
    const board = await context.esptool.probe(port);
    facts.mac = board.mac;
    checkBoard(port, board, context);
    begun = await context.budget.begin(context.signal, () =>
      context.onState({ doing: "waiting for the others", mac: board.mac }),
    );
    if (!begun) return { outcome: "not needed", mac: board.mac };
    const chosen = await chooseDevice(board.mac, context);
    if (!chosen) return { outcome: "nothing left", mac: board.mac };
    const { config } = chosen;
    facts.device = config.device;
    facts.configDigest = config.digest;
    if (config.generation !== undefined) facts.generation = config.generation;
    facts.artifactDigest = source.artifact.digest;
    facts.firmwareVersion = source.artifact.version;
    if (!context.again && isUpToDate(chosen, context)) return finish("unchanged");
    log.add(entry("claimed"));
    await source.startWriting(config.device, board.mac);
    await writeBoard(port, board, config, context);
    await source.record(config.device, board.mac, {
      config,
      artifactDigest: source.artifact.digest,
      firmwareVersion: source.artifact.version,
      flashedBy: source.who,
    });
    written = true;
    return finish("flashed");
  } catch (error) {
    log.add(entry("failed", { error: error instanceof Error ? error.message : String(error) }));
    throw error;
  } finally {
    if (begun) context.budget.end(written);
  }
}

function checkBoard(port: string, board: BoardFacts, { source, firmware }: BoardContext): void {
  const { chip } = source.artifact;
  if (board.chip !== chip) {
    throw new VisibleError(
      `The board at ${port} has a chip ${board.chip}, class ${source.place.class} is for ${chip}.`,
      {
        hint: `Plug in a board of class ${source.place.class}.`,
        exitCode: 9,
      },
    );
  }
  if (board.flashSize > 0 && board.flashSize < firmware.flashNeeded) {
    const [has, needs] = [board.flashSize, firmware.flashNeeded].map((bytes) => `${bytes / 1024} KB`);
    throw new VisibleError(`The board at ${port} has ${has} of flash, the firmware needs ${needs}.`, {
      hint: "Plug in a board with more flash.",
      exitCode: 9,
    });
  }
}

/** The board's own device, or one that is taken for it now. */
async function chooseDevice(mac: string, context: BoardContext): Promise<ChosenDevice | undefined> {
  const { source } = context;
  // asked anew: what was true when the station started may have been changed at another bench
  const own = await source.deviceOf(mac);
  if (own && (own.class ?? source.place.class) !== source.place.class)
    throw anotherDevice(mac, `${own.device} of class ${own.class}`, own.device, source.place.class);
  if (context.device !== undefined) {
    if (own && own.device !== context.device)
      throw anotherDevice(mac, own.device, own.device, context.device);
    return take(context.device, mac, context);
  }
  return own ? take(own.device, mac, context) : takeNext(mac, context);
}

function anotherDevice(mac: string, is: string, device: string, wanted: string): VisibleError {
  return new VisibleError(`The board ${mac} is ${is}, not ${wanted}.`, {
    hint: `Connect another board, or free this one with "npx edgeflock replace-board ${device}".`,
    exitCode: 11,
  });
}

async function takeNext(mac: string, context: BoardContext): Promise<ChosenDevice | undefined> {
  const { queue, signal } = context;
  for (;;) {
    if (context.scan) context.onState({ doing: "waiting for a scan", mac });
    const device = await queue.next(signal);
    if (device === undefined) return undefined;
    try {
      return await take(device, mac, context);
    } catch (error) {
      const taken = error instanceof BoardConflict;
      if (!taken) queue.giveBack(device);
      // somebody at another bench was quicker
      if (!taken || context.scan) throw error;
    }
  }
}

/** @throws BoardConflict where another board has the device */
async function take(device: string, mac: string, { source, signal }: BoardContext): Promise<ChosenDevice> {
  const config = await source.config(device);
  signal.throwIfAborted();
  return { config, board: await source.claim(device, mac) };
}

function isUpToDate({ config, board }: ChosenDevice, { source }: BoardContext): boolean {
  return board.configDigest === config.digest && board.artifactDigest === source.artifact.digest;
}

async function writeBoard(
  port: string,
  board: BoardFacts,
  config: DeviceConfig,
  context: BoardContext,
): Promise<void> {
  const { firmware, esptool, source } = context;
  const folder = await mkdtemp(join(firmware.folder, "board-"));
  try {
    const files: FileToWrite[] = [
      ...firmware.files,
      await save(folder, "config.bin", source.artifact.config.offset, config.image),
    ];
    if (config.keys)
      files.push(await save(folder, "nvs-keys.bin", firmware.keysOffset(config.device), config.keys));
    const state = { doing: "writing", mac: board.mac, device: config.device } as const;
    context.onState({ ...state, progress: 0 });
    await esptool.write(
      port,
      files.sort((a, b) => a.offset - b.offset),
      {
        chip: board.chip,
        mac: board.mac,
        baud: context.baud,
        erase: context.erase,
        onProgress: (progress) => context.onState({ ...state, progress }),
      },
    );
  } catch (error) {
    if (error instanceof BoardSwapped) await forgetBoard(error.found, source);
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A board that was begun by mistake is not what it was; so it is written anew when it is plugged in again. */
async function forgetBoard(mac: string, source: FlashSource): Promise<void> {
  const own = await source.deviceOf(mac);
  if (own) await source.startWriting(own.device, mac);
}

async function save(folder: string, name: string, offset: number, bytes: Uint8Array): Promise<FileToWrite> {
  const path = join(folder, name);
  await writeFile(path, bytes, { mode: 0o600 });
  return { offset, path, size: bytes.length };
}
