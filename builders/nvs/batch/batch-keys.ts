// The keys of one device in a batch: those it has from an earlier run, or new ones. Touches files.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  generateHmacKey,
  generateNvsKeys,
  type NvsKeys,
  nvsKeysFromHmac,
  readKeyPartition,
  writeKeyPartition,
} from "../encrypt.ts";
import { writePrivateFile } from "../private-file.ts";

/** Where a batch's keys come from. */
export type KeyPolicy =
  | { kind: "none" }
  /** One key for all devices. */
  | { kind: "given"; keys: NvsKeys }
  /** A key partition of its own for each device. */
  | { kind: "own" }
  /** An HMAC key of its own for each device, and the key partition derived from it. */
  | { kind: "own hmac" }
  /** Keys derived from one HMAC key, written for each device as mfg_gen does. */
  | { kind: "given hmac"; hmacKey: Uint8Array };

/** Whether the policy writes files into the keys folder. */
export function writesKeys(policy: KeyPolicy): boolean {
  return policy.kind === "own" || policy.kind === "own hmac" || policy.kind === "given hmac";
}

/**
 * The device's keys. A key file that is there is kept: the image of a run that was interrupted comes out the same.
 * @throws VisibleError if such a file is damaged
 */
export function keysOfDevice(
  policy: KeyPolicy,
  folder: string,
  name: string,
  write: boolean,
): NvsKeys | undefined {
  switch (policy.kind) {
    case "none":
      return undefined;
    case "given":
      return policy.keys;
    case "given hmac":
      return stored(folder, name, write, () => nvsKeysFromHmac(policy.hmacKey));
    case "own":
      return stored(folder, name, write, generateNvsKeys);
    case "own hmac":
      return stored(folder, name, write, () => nvsKeysFromHmac(storedHmacKey(folder, name, write)));
  }
}

function stored(folder: string, name: string, write: boolean, make: () => NvsKeys): NvsKeys {
  const path = join(folder, `keys-${name}.bin`);
  if (existsSync(path)) return readKeyPartition(readFileSync(path));
  const keys = make();
  if (write) writePrivateFile(path, writeKeyPartition(keys));
  return keys;
}

function storedHmacKey(folder: string, name: string, write: boolean): Uint8Array {
  const path = join(folder, `hmac-keys-${name}.bin`);
  if (existsSync(path)) return readFileSync(path);
  const key = generateHmacKey();
  if (write) writePrivateFile(path, key);
  return key;
}
