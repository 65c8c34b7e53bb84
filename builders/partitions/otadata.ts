// The otadata partition, which tells the bootloader the app slot to boot. Touches nothing.
// Two sectors of {u32 seq, 20-byte label, u32 state, u32 crc(seq)}; the higher valid seq counts, and its slot is
// (seq - 1) modulo the number of slots. Source: ESP-IDF, components/bootloader_support, esp_flash_partitions.h.
import { VisibleError } from "../../model/visible-error.ts";
import { nvsCrc32 } from "../nvs/crc32.ts";
import { OTA_SLOTS, SECTOR_SIZE } from "./partition-table.ts";

export const OTADATA_SIZE = 2 * SECTOR_SIZE;

/** States of an OTA image; `undefined` is one that was flashed by wire and needs no confirmation. */
export const OTA_STATE = {
  new: 0,
  "pending-verify": 1,
  valid: 2,
  invalid: 3,
  aborted: 4,
  undefined: 0xffffffff,
} as const;
export type OtaState = keyof typeof OTA_STATE;

export interface OtadataEntry {
  sequence: number;
  state: OtaState | "unknown";
}

/**
 * The partition's 0x2000 bytes, such that the bootloader takes `slot` (0 for ota_0).
 *
 * @throws VisibleError for a slot that cannot be
 */
export function otadata(slot: number, state: OtaState = "undefined"): Uint8Array {
  if (!Number.isInteger(slot) || slot < 0 || slot >= OTA_SLOTS) {
    throw new VisibleError(`there is no OTA slot ${String(slot)}`, {
      hint: `slots are 0 to ${OTA_SLOTS - 1}`,
    });
  }
  const bytes = new Uint8Array(OTADATA_SIZE).fill(0xff);
  const view = new DataView(bytes.buffer);
  // valid for any number of slots that includes this one
  view.setUint32(0, slot + 1, true);
  view.setUint32(24, OTA_STATE[state], true);
  view.setUint32(28, nvsCrc32(bytes, 0, 4), true);
  return bytes;
}

/** Both entries, undefined where there is none or its CRC is wrong. @throws VisibleError if it is too short */
export function readOtadata(bytes: Uint8Array): [OtadataEntry | undefined, OtadataEntry | undefined] {
  if (bytes.length < OTADATA_SIZE)
    throw new VisibleError(`otadata has ${bytes.length} bytes, not ${OTADATA_SIZE}`);
  return [readSector(bytes, 0), readSector(bytes, SECTOR_SIZE)];
}

function readSector(bytes: Uint8Array, at: number): OtadataEntry | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 32);
  const sequence = view.getUint32(0, true);
  if (sequence === 0 || sequence === 0xffffffff) return undefined;
  if (view.getUint32(28, true) !== nvsCrc32(bytes, at, at + 4)) return undefined;
  const raw = view.getUint32(24, true);
  const state = (Object.keys(OTA_STATE) as OtaState[]).find((name) => OTA_STATE[name] === raw) ?? "unknown";
  return { sequence, state };
}

/**
 * The slot that the bootloader would boot, of `slots`; undefined if otadata chooses none (then it takes the factory
 * app, or ota_0).
 */
export function bootSlot(bytes: Uint8Array, slots: number): number | undefined {
  const usable = readOtadata(bytes).filter(
    (entry) => entry !== undefined && entry.state !== "invalid" && entry.state !== "aborted",
  ) as OtadataEntry[];
  if (usable.length === 0 || slots < 1) return undefined;
  return (Math.max(...usable.map((entry) => entry.sequence)) - 1) % slots;
}
