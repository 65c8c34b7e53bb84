// What is known of the board of a device, and how two such records compare. Pure.
import { VisibleError } from "../model/visible-error.ts";

/** What is known of a device's board. */
export interface BoardRecord {
  device: string;
  /** The board's MAC address, or `bundle:<id>` while an exported bundle has the device. */
  holder: string | undefined;
  /** Since when, RFC 3339. */
  takenAt: string | undefined;
  configDigest: string | undefined;
  artifactDigest: string | undefined;
  firmwareVersion: string | undefined;
  /** Of the MQTT credential on the board. */
  generation: number | undefined;
  /** RFC 3339; undefined from the start of a write to its end, so that one which broke off is seen. */
  flashedAt: string | undefined;
  flashedBy: string | undefined;
  /** Of the Lease as it was read; undefined where there is none. */
  resourceVersion: string | undefined;
}

export function noBoard(device: string): BoardRecord {
  return {
    device,
    holder: undefined,
    takenAt: undefined,
    configDigest: undefined,
    artifactDigest: undefined,
    firmwareVersion: undefined,
    generation: undefined,
    flashedAt: undefined,
    flashedBy: undefined,
    resourceVersion: undefined,
  };
}

export function isBundle(holder: string): boolean {
  return holder.startsWith("bundle:");
}

/** Whether it has a board, and not a bundle or nobody. */
export function hasMac(board: BoardRecord): board is BoardRecord & { holder: string } {
  return board.holder !== undefined && !isBundle(board.holder);
}

/**
 * Of each board the device that it became last. A board that was given a second device is the first no longer, though
 * that one's Lease may still name it.
 */
export function latestByMac<T extends BoardRecord>(boards: readonly T[]): Map<string, T> {
  const latest = new Map<string, T>();
  for (const board of boards) {
    if (!hasMac(board)) continue;
    const other = latest.get(board.holder);
    if (other === undefined || since(other) < since(board)) latest.set(board.holder, board);
  }
  return latest;
}

function since({ takenAt = "", flashedAt = "" }: BoardRecord): string {
  // up to the second: one has a fraction, the other has none
  const [taken, flashed] = [takenAt.slice(0, 19), flashedAt.slice(0, 19)];
  return taken > flashed ? taken : flashed;
}

/** Another board has the device. */
export class BoardConflict extends VisibleError {
  readonly holder: string;

  constructor(device: string, holder: string, mac: string, flashedAt?: string) {
    const bundle = isBundle(holder) ? holder.slice("bundle:".length) : undefined;
    const owner = bundle === undefined ? `the board ${holder}` : `reserved for the exported bundle ${bundle}`;
    super(`${device} is ${owner}${flashedAt ? `, flashed ${flashedAt}` : ""}; this board is ${mac}.`, {
      hint:
        bundle === undefined
          ? `Plug in that board, or give the device to this one with "npx edgeflock replace-board ${device}".`
          : `Flash it from that bundle, or free it with "npx edgeflock bundle release CLASS ${bundle}".`,
      exitCode: 11,
    });
    this.name = "BoardConflict";
    this.holder = holder;
  }
}

/** In seconds, as the script writes it. */
export function rfc3339(date: Date = new Date()): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
