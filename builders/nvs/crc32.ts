// CRC-32 as the ESP32's ROM computes it for NVS: zlib's polynomial, started from 0xFFFFFFFF (which zlib's
// convention of inverting turns into 0). Touches nothing.
import { crc32 as zlibCrc32 } from "node:zlib";

const TABLE = new Int32Array(256).map((_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** Below this many bytes the table is faster than a call into zlib (measured, Node 24). */
const CALL_PAYS_FROM = 128;

/** CRC of `bytes[start..end)`, unsigned. */
export function nvsCrc32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (end - start >= CALL_PAYS_FROM) return zlibCrc32(bytes.subarray(start, end), 0xffffffff);
  let crc = 0;
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!;
  return (crc ^ -1) >>> 0;
}

/** CRC of the entry that begins at `start`: all of its 32 bytes but the CRC's own four, at 4. */
export function entryCrc32(bytes: Uint8Array, start: number): number {
  let crc = 0;
  for (let at = start; at < start + 4; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!;
  for (let at = start + 8; at < start + 32; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!;
  return (crc ^ -1) >>> 0;
}
