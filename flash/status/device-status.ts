// What is declared, what was flashed and what a device announces, put side by side: which boards need flashing, and
// which would be locked out. Pure.
import type { Announcement } from "../../model/announcement.ts";
import { type BoardRecord, hasMac, latestByMac } from "../board-record.ts";

/** What the cluster holds for a device: what the last `pulumi up` made of it. */
export interface DeclaredDevice {
  device: string;
  class: string;
  /** `sha256:` of `config.bin`. */
  configDigest: string | undefined;
  /** As the device announces it, 16 hexadecimal digits. */
  settingsDigest: string | undefined;
  /** Of its MQTT credential. */
  generation: number | undefined;
  /** Where it announces itself. */
  topic: string | undefined;
}

export interface DeclaredFirmware {
  artifactDigest: string;
  version: string;
}

/** What the stack declares of a device, which the next `pulumi up` carries out. */
export interface PendingDevice {
  device: string;
  class: string;
  /** The oldest generation of its credential that the broker takes after it. */
  oldest: number;
  /** Names that a board may have been flashed under. */
  formerly: readonly string[];
}

export interface StatusInput {
  /** By name; a device that could not be read is missing. */
  declared: ReadonlyMap<string, DeclaredDevice>;
  /** Whether `declared` has all that there are. */
  complete: boolean;
  /** By class. */
  firmware: ReadonlyMap<string, DeclaredFirmware>;
  boards: readonly (BoardRecord & { class?: string | undefined })[];
  /** By device; undefined where no broker was asked. */
  announced: ReadonlyMap<string, Announcement> | undefined;
  /** By name; undefined where that is not known. */
  pending: ReadonlyMap<string, PendingDevice> | undefined;
}

export type BoardState =
  /** The board has what is declared. */
  | "current"
  | "stale"
  /** The board was taken for the device, and its last write did not come to its end. */
  | "unfinished"
  /** Its board is another device now. */
  | "moved"
  | "no board"
  /** In an exported bundle. */
  | "reserved"
  /** Declared only: the next `pulumi up` makes it. */
  | "not applied"
  /** A board is left of a device that there is no more. */
  | "removed"
  /** What is declared may not be read. */
  | "unknown";

export interface DeviceStatus {
  device: string;
  class: string | null;
  state: BoardState;
  /** The device that its board became since; null where it did not. */
  movedTo: string | null;
  /** What has to be flashed. */
  needs: ("configuration" | "firmware")[];
  /** Why its board would no longer be let in after the next `pulumi up`; null where it would. */
  lockedOut: string | null;
  declared: {
    config: string | null;
    settings: string | null;
    generation: number | null;
    artifact: string | null;
    firmware: string | null;
  } | null;
  flashed: {
    mac: string;
    config: string | null;
    generation: number | null;
    artifact: string | null;
    firmware: string | null;
    at: string | null;
    by: string | null;
  } | null;
  /** Absent where no broker was asked; null where it has announced nothing. */
  announced?: Announcement | null;
}

/** One row a device, by name. */
export function deviceStatuses(input: StatusInput): DeviceStatus[] {
  const boards = new Map(input.boards.map((board) => [board.device, board]));
  const now = latestByMac(input.boards);
  const names = new Set([...input.declared.keys(), ...boards.keys(), ...(input.pending?.keys() ?? [])]);
  return [...names].sort().map((name) => {
    const board = boards.get(name);
    const moved = board && hasMac(board) ? now.get(board.holder)?.device : name;
    return statusOf(name, board, moved === name ? null : (moved ?? null), input);
  });
}

function statusOf(
  device: string,
  board: (BoardRecord & { class?: string | undefined }) | undefined,
  movedTo: string | null,
  input: StatusInput,
): DeviceStatus {
  const declared = input.declared.get(device);
  const pending = input.pending?.get(device);
  const className = declared?.class ?? pending?.class ?? board?.class ?? null;
  const firmware = className === null ? undefined : input.firmware.get(className);
  const announced = input.announced === undefined ? undefined : (input.announced.get(device) ?? null);
  const flashed = movedTo === null && isFlashed(board);
  const needs = declared && flashed ? needsOf(declared, firmware, board, announced) : [];
  return {
    device,
    class: className,
    state: movedTo === null ? stateOf(declared, board, needs, input.complete) : "moved",
    movedTo,
    needs,
    lockedOut: flashed ? lockedOut(declared, pending, board, announced, input) : null,
    declared: declared
      ? {
          config: declared.configDigest ?? null,
          settings: declared.settingsDigest ?? null,
          generation: declared.generation ?? null,
          artifact: firmware?.artifactDigest ?? null,
          firmware: firmware?.version ?? null,
        }
      : null,
    flashed: board && hasMac(board) ? flashedOf(board) : null,
    ...(announced !== undefined && { announced }),
  };
}

function stateOf(
  declared: DeclaredDevice | undefined,
  board: BoardRecord | undefined,
  needs: readonly string[],
  complete: boolean,
): BoardState {
  if (declared === undefined) {
    if (!complete) return "unknown";
    return board?.holder === undefined ? "not applied" : "removed";
  }
  if (board?.holder === undefined) return "no board";
  if (!hasMac(board)) return "reserved";
  if (!isFlashed(board)) return "unfinished";
  return needs.length > 0 ? "stale" : "current";
}

/**
 * What a board announces counts for more than what was flashed where it got newer things over the air: the settings by
 * their digest, the firmware by a version that the flashed one did not have.
 */
function needsOf(
  declared: DeclaredDevice,
  firmware: DeclaredFirmware | undefined,
  board: BoardRecord,
  announced: Announcement | null | undefined,
): DeviceStatus["needs"] {
  const config =
    board.configDigest === declared.configDigest ||
    (announced?.config !== undefined && announced.config === declared.settingsDigest);
  const same =
    firmware === undefined ||
    board.artifactDigest === firmware.artifactDigest ||
    (board.firmwareVersion !== firmware.version && announced?.firmware === firmware.version);
  return [...(config ? [] : (["configuration"] as const)), ...(same ? [] : (["firmware"] as const))];
}

function lockedOut(
  declared: DeclaredDevice | undefined,
  pending: PendingDevice | undefined,
  board: BoardRecord,
  announced: Announcement | null | undefined,
  input: StatusInput,
): string | null {
  if (input.pending === undefined) return null;
  if (pending === undefined) return declared === undefined ? null : "the stack no longer declares the device";
  return retirement(board.generation ?? announced?.gen, pending.oldest);
}

/** Why a board with this generation is not let in when the broker takes none below `oldest`; null where it is. */
export function retirement(generation: number | undefined, oldest: number): string | null {
  if (oldest <= 1 || (generation !== undefined && generation >= oldest)) return null;
  const below = oldest === 2 ? "generation 1" : `generations 1 to ${oldest - 1}`;
  return generation === undefined
    ? `${below} of its credential is retired, and nothing tells which one its board has`
    : `generation ${generation} of its credential, which its board has, is retired`;
}

/** Whether a board was written to the end as this device, and not begun again since. */
export function isFlashed(board: BoardRecord | undefined): board is BoardRecord & { holder: string } {
  return board !== undefined && hasMac(board) && board.flashedAt !== undefined;
}

function flashedOf(board: BoardRecord & { holder: string }): NonNullable<DeviceStatus["flashed"]> {
  return {
    mac: board.holder,
    config: board.configDigest ?? null,
    generation: board.generation ?? null,
    artifact: board.artifactDigest ?? null,
    firmware: board.firmwareVersion ?? null,
    at: board.flashedAt ?? null,
    by: board.flashedBy ?? null,
  };
}
