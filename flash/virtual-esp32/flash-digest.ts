// The MD5 of a stretch of flash, as flashers ask for it to verify what they wrote. Reads the given flash.
import { createHash } from "node:crypto";
import type { FlashMemory } from "./flash-memory.ts";

const PIECE = 64 * 1024;

/** `wrong` gives a digest that is not the right one, for the fault of that name. */
export function md5OfFlash(flash: FlashMemory, offset: number, length: number, wrong = false): Buffer {
  const hash = createHash("md5");
  for (let at = 0; at < length; at += PIECE) {
    hash.update(flash.read(offset + at, Math.min(PIECE, length - at)));
  }
  const digest = hash.digest();
  if (wrong) digest[0]! ^= 0xff;
  return digest;
}
