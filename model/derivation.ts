// Secrets derived from the fleet's root key: the same again after a crash, and no resource for each. Pure.
// HKDF-SHA256, RFC 5869. The root key has 256 bits, so each derived value is as strong as its own length.
import { createHmac, hkdfSync } from "node:crypto";

/** What a derived value is for. Together with the names it makes the value; changing one changes credentials. */
export type Purpose =
  | "mqtt-password"
  | "mqtt-user-password"
  | "mqtt-unused-password"
  | "mqtt-authority"
  | "mqtt-certificate"
  | "broker-salt"
  | "influxdb-password"
  | "random-secret"
  | "nvs-keys"
  | "fingerprint";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** Largest multiple of the alphabet's size that a byte holds: bytes from here on would favour some letters. */
const UNBIASED = 256 - (256 % ALPHABET.length);

/**
 * `length` bytes for one purpose and one place.
 *
 * @param rootKey base64
 * @param path names of what it is for; may hold any text, as each is length-prefixed
 */
export function deriveBytes(rootKey: string, purpose: Purpose, path: string[], length: number): Buffer {
  const info = ["edgeflock.io/v1", purpose, ...path]
    .map((part) => `${Buffer.byteLength(part)}:${part}`)
    .join("");
  return Buffer.from(hkdfSync("sha256", Buffer.from(rootKey, "base64"), Buffer.alloc(0), info, length));
}

/** Text of letters and digits, 5.95 bits a character, without bias. */
export function deriveText(rootKey: string, purpose: Purpose, path: string[], length: number): string {
  let text = "";
  for (let block = 0; text.length < length; block++) {
    for (const byte of deriveBytes(rootKey, purpose, [...path, String(block)], 2 * length)) {
      if (byte < UNBIASED && text.length < length) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text;
}

/**
 * A short keyed fingerprint: tells in a preview that a secret changed, and nothing else to whoever lacks the root key.
 * It is keyed by where the secret is used too, so that equal passwords of two devices do not look equal.
 */
export function fingerprint(rootKey: string, path: string[], value: string): string {
  const key = deriveBytes(rootKey, "fingerprint", path, 32);
  return createHmac("sha256", key).update(value).digest("hex").slice(0, 12);
}

/** Of the key itself, as the Namespace bears it. Short, and under a purpose of its own: it tells nothing about the key. */
export function rootKeyFingerprint(rootKey: string): string {
  return deriveBytes(rootKey, "fingerprint", ["root-key"], 8).toString("hex");
}
