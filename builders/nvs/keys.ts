// The keys of an encrypted NVS partition: made, derived, and read from and written to a key partition.
// Touches nothing; the caller writes files.
// Source: ESP-IDF, "NVS Encryption" (docs/en/api-reference/storage/nvs_encryption.rst).
import { createHmac, randomBytes } from "node:crypto";
import { VisibleError } from "../../model/visible-error.ts";
import { nvsCrc32 } from "./crc32.ts";

/** Bytes of a key partition: one sector. */
export const KEY_PARTITION_SIZE = 4096;
const KEY_SIZE = 32;

/** The two AES-256 keys of XTS: one for the data, one for the tweak. */
export interface NvsKeys {
  /** 32 bytes. */
  encryption: Uint8Array;
  /** 32 bytes, different from `encryption`. */
  tweak: Uint8Array;
}

/** New keys from the system's generator of random numbers. */
export function generateNvsKeys(): NvsKeys {
  const bytes = randomBytes(2 * KEY_SIZE);
  return { encryption: bytes.subarray(0, KEY_SIZE), tweak: bytes.subarray(KEY_SIZE) };
}

/** A new key for the HMAC peripheral: 32 bytes, to be burnt into an eFuse block. */
export function generateHmacKey(): Uint8Array {
  return randomBytes(KEY_SIZE);
}

/**
 * The keys that a chip with an HMAC peripheral derives from the key in its eFuse.
 *
 * @param key the 32 bytes in the eFuse
 * @throws VisibleError if it is not 32 bytes long
 */
export function nvsKeysFromHmac(key: Uint8Array): NvsKeys {
  if (key.length !== KEY_SIZE) {
    throw new VisibleError(
      `the HMAC key is ${key.length} bytes long; the eFuse block takes exactly ${KEY_SIZE}`,
    );
  }
  const derive = (seed: string) =>
    createHmac("sha256", key)
      .update(Buffer.from(seed.repeat(8), "hex"))
      .digest();
  return { encryption: derive("5a5abeae"), tweak: derive("a5a5dece") };
}

/** The image of a key partition: both keys, their CRC, the rest FF. @throws VisibleError for unusable keys. */
export function writeKeyPartition(keys: NvsKeys): Uint8Array {
  checkKeys(keys);
  const image = new Uint8Array(KEY_PARTITION_SIZE).fill(0xff);
  image.set(keys.encryption, 0);
  image.set(keys.tweak, KEY_SIZE);
  new DataView(image.buffer).setUint32(2 * KEY_SIZE, nvsCrc32(image, 0, 2 * KEY_SIZE), true);
  return image;
}

/**
 * Reads a key partition, or a file of the bare 64 bytes.
 *
 * @throws VisibleError if it is too short, damaged or was never written
 */
export function readKeyPartition(bytes: Uint8Array): NvsKeys {
  const hint = "give a file made by `edgeflock nvs generate-key`, or the two keys' 64 bytes";
  if (bytes.length < 2 * KEY_SIZE) {
    throw new VisibleError(`the key file has ${bytes.length} bytes; the keys alone are ${2 * KEY_SIZE}`, {
      hint,
    });
  }
  const copy = new Uint8Array(bytes.subarray(0, 2 * KEY_SIZE));
  const keys = { encryption: copy.subarray(0, KEY_SIZE), tweak: copy.subarray(KEY_SIZE) };
  if (bytes.length > 2 * KEY_SIZE) {
    if (bytes.length < 2 * KEY_SIZE + 4) throw new VisibleError("the key file ends within its CRC", { hint });
    const found = new DataView(bytes.buffer, bytes.byteOffset).getUint32(2 * KEY_SIZE, true);
    if (isErased(keys.encryption) && isErased(keys.tweak) && found === 0xffffffff) {
      throw new VisibleError("the key partition is empty: no keys were ever written to it", { hint });
    }
    if (found !== nvsCrc32(bytes, 0, 2 * KEY_SIZE)) {
      throw new VisibleError("the key file is damaged: its CRC does not fit its keys", { hint });
    }
  }
  checkKeys(keys);
  return keys;
}

/** @throws VisibleError if the keys have a wrong length or are one and the same, which XTS forbids. */
export function checkKeys(keys: NvsKeys): void {
  const { encryption, tweak } = keys;
  if (encryption.length !== KEY_SIZE || tweak.length !== KEY_SIZE) {
    throw new VisibleError(
      `an NVS key is ${KEY_SIZE} bytes long, not ${encryption.length} and ${tweak.length}`,
    );
  }
  if (encryption.every((byte, at) => byte === tweak[at])) {
    throw new VisibleError("the two NVS keys are the same, which XTS-AES forbids");
  }
}

function isErased(key: Uint8Array): boolean {
  return key.every((byte) => byte === 0xff);
}
