// One board at one port, from plugged in to done. Runs esptool; writes the board's configuration to a private file
// while that lasts; notes everything in the source and the log.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import { BoardConflict, rfc3339 } from "../board-lease.ts";
import type { DeviceQueue } from "./device-queue.ts";
import type { BoardFacts, Esptool, FileToWrite } from "./esptool.ts";
import type { DeviceConfig, FlashSource } from "./flash-source.ts";
import type { PreparedFirmware } from "./prepare-firmware.ts";
import type { ResultEntry, ResultLog } from "./result-log.ts";

export interface BoardContext {
  source: FlashSource;
  esptool: Esptool;
  firmware: PreparedFirmware;
  queue: DeviceQueue;
  log: ResultLog;
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
  doing: "asking" | "waiting for a scan" | "writing";
  mac?: string;
  device?: string;
  /** From 0 to 1. */
  progress?: number;
}

/** `nothing left`: every device has its board. */
export type BoardOutcome =
  | { outcome: "flashed" | "unchanged"; entry: ResultEntry }
  | { outcome: "nothing left"; mac: string };

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
  try {
    context.onState({ doing: "asking" });
    const board = await context.esptool.probe(port);
    facts.mac = board.mac;
    checkBoard(port, board, context);
    const config = await chooseDevice(board.mac, context);
    if (!config) return { outcome: "nothing left", mac: board.mac };
    facts.device = config.device;
    facts.configDigest = config.digest;
    if (config.generation !== undefined) facts.generation = config.generation;
    facts.artifactDigest = source.artifact.digest;
    facts.firmwareVersion = source.artifact.version;
    if (!context.again && isUpToDate(board.mac, config, context)) return finish("unchanged");
    log.add(entry("claimed"));
    await writeBoard(port, board, config, context);
    await source.record(config.device, board.mac, {
      config,
      artifactDigest: source.artifact.digest,
      firmwareVersion: source.artifact.version,
      flashedBy: source.who,
    });
    context.queue.flashed(config.device, board.mac, {
      configDigest: config.digest,
      artifactDigest: source.artifact.digest,
    });
    return finish("flashed");
  } catch (error) {
    log.add(entry("failed", { error: error instanceof Error ? error.message : String(error) }));
    throw error;
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
async function chooseDevice(mac: string, context: BoardContext): Promise<DeviceConfig | undefined> {
  const { queue, source } = context;
  const own = queue.ownOf(mac);
  if (context.device !== undefined) return takeDevice(mac, context.device, own?.device, context);
  if (own) return source.config(own.device);
  for (;;) {
    if (context.scan) context.onState({ doing: "waiting for a scan", mac });
    const device = await queue.next();
    if (device === undefined) return undefined;
    const config = await source.config(device);
    try {
      await source.claim(device, mac);
    } catch (error) {
      // somebody at another bench was quicker
      if (error instanceof BoardConflict && !context.scan) continue;
      throw error;
    }
    queue.assigned(device, mac);
    return config;
  }
}

/** @throws BoardConflict where another board has the device, VisibleError where this board is another device */
async function takeDevice(
  mac: string,
  device: string,
  own: string | undefined,
  { queue, source }: BoardContext,
): Promise<DeviceConfig> {
  if (own !== undefined && own !== device) {
    throw new VisibleError(`The board ${mac} is ${own}, not ${device}.`, {
      hint: `Connect the board of ${device}, or free this one with "npx edgeflock replace-board ${own}".`,
      exitCode: 11,
    });
  }
  const config = await source.config(device);
  await source.claim(device, mac);
  queue.assigned(device, mac);
  return config;
}

function isUpToDate(mac: string, config: DeviceConfig, { queue, source }: BoardContext): boolean {
  const own = queue.ownOf(mac);
  return own?.configDigest === config.digest && own.artifactDigest === source.artifact.digest;
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
        baud: context.baud,
        erase: context.erase,
        onProgress: (progress) => context.onState({ ...state, progress }),
      },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function save(folder: string, name: string, offset: number, bytes: Uint8Array): Promise<FileToWrite> {
  const path = join(folder, name);
  await writeFile(path, bytes, { mode: 0o600 });
  return { offset, path, size: bytes.length };
}
