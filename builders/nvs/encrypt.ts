// Encrypts and decrypts an NVS image under the keys of its key partition. Touches nothing.
// Source: ESP-IDF, "NVS Encryption": every entry is one XTS sector whose number is its offset in the partition;
// page headers and entry maps stay plain, entries that were never written stay FF.
import { VisibleError } from "../../model/visible-error.ts";
import {
  BLANK_PAGE,
  ENTRIES_PER_PAGE,
  ENTRY_SIZE,
  ENTRY_STATE,
  FIRST_ENTRY_OFFSET,
  MAP_OFFSET,
  PAGE_SIZE,
} from "./format.ts";
import { checkKeys, type NvsKeys } from "./keys.ts";
import { xtsSectors } from "./xts.ts";

export {
  generateHmacKey,
  generateNvsKeys,
  KEY_PARTITION_SIZE,
  type NvsKeys,
  nvsKeysFromHmac,
  readKeyPartition,
  writeKeyPartition,
} from "./keys.ts";

/**
 * Encrypts a plain image, of whole pages from the partition's start.
 *
 * @returns a new image; `image` stays as it is
 * @throws VisibleError for unusable keys or an image that does not end with a page
 */
export function encryptNvs(image: Uint8Array, keys: NvsKeys): Uint8Array {
  return crypt(image, keys, true);
}

/** The reverse of encryptNvs. A wrong key is not noticed here: the entries' CRCs show it on decoding. */
export function decryptNvs(image: Uint8Array, keys: NvsKeys): Uint8Array {
  return crypt(image, keys, false);
}

function crypt(image: Uint8Array, keys: NvsKeys, encrypt: boolean): Uint8Array {
  checkKeys(keys);
  if (image.length % PAGE_SIZE !== 0) {
    throw new VisibleError(
      `the image has ${image.length} bytes, which is no whole number of 4096-byte pages`,
    );
  }
  // not slice(): a Buffer's would be a view of the original
  const result = new Uint8Array(image);
  xtsSectors(result, writtenEntries(result, encrypt), keys, encrypt);
  return result;
}

/**
 * Offsets of the entries to work on: what is not FF throughout, and, when encrypting, also what the map calls
 * written (a blob may well contain 32 bytes of FF).
 */
function writtenEntries(image: Uint8Array, encrypt: boolean): number[] {
  const offsets: number[] = [];
  for (let page = 0; page < image.length; page += PAGE_SIZE) {
    if (Buffer.compare(BLANK_PAGE, image.subarray(page, page + PAGE_SIZE)) === 0) continue;
    const words = new Int32Array(image.buffer, image.byteOffset + page, PAGE_SIZE / 4);
    for (let entry = 0; entry < ENTRIES_PER_PAGE; entry++) {
      const offset = FIRST_ENTRY_OFFSET + entry * ENTRY_SIZE;
      const state = (image[page + MAP_OFFSET + (entry >> 2)]! >> ((entry & 3) * 2)) & 3;
      if ((encrypt && state !== ENTRY_STATE.empty) || !isBlank(words, offset / 4))
        offsets.push(page + offset);
    }
  }
  return offsets;
}

function isBlank(words: Int32Array, at: number): boolean {
  for (let k = at; k < at + ENTRY_SIZE / 4; k++) if (words[k] !== -1) return false;
  return true;
}
