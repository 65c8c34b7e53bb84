// Makes key files as Espressif's tool names and places them: <outdir>/keys/<name>.bin, HMAC keys beside them.
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { Option } from "commander";
import type { NvsKeys } from "../../../builders/nvs/encrypt.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { outputPath, readInput, STANDARD, say, writeOutput } from "./files.ts";

export interface KeyFileOptions {
  keyfile?: string;
  outdir?: string;
  force?: true;
  key_protect_hmac?: true;
  kp_hmac_keygen?: true;
  kp_hmac_keyfile?: string;
  kp_hmac_inputkey?: string;
}

export function keyFileOptions(): Option[] {
  return [
    new Option(
      "--keyfile <file>",
      "key partition to write, in <outdir>/keys (default: keys-<date>_<time>.bin)",
    ),
    new Option("--key_protect_hmac", "derive the keys from an HMAC key, which goes into an eFuse"),
    new Option("--kp_hmac_keygen", "make a new HMAC key"),
    new Option(
      "--kp_hmac_keyfile <file>",
      "file for the new HMAC key, in <outdir>/keys (default: hmac-<keyfile>)",
    ),
    new Option("--kp_hmac_inputkey <file>", "take this HMAC key, of 32 bytes"),
    new Option("--force", "write over keys that are there"),
  ];
}

/** Makes keys and writes their files. @throws VisibleError if a file is there already, or the options disagree */
export async function makeKeyFiles(options: KeyFileOptions): Promise<NvsKeys> {
  const { generateHmacKey, generateNvsKeys, nvsKeysFromHmac, writeKeyPartition } = await import(
    "../../../builders/nvs/encrypt.ts"
  );
  checkOptions(options);
  const name = options.keyfile ?? `keys-${timestamp(new Date())}.bin`;
  const path = keyPath(name, options);
  if (!options.key_protect_hmac) {
    const keys = generateNvsKeys();
    await write(path, writeKeyPartition(keys), "NVS keys");
    return keys;
  }
  if (options.kp_hmac_inputkey !== undefined) {
    const keys = nvsKeysFromHmac(await readInput(options.kp_hmac_inputkey));
    await write(path, writeKeyPartition(keys), "NVS keys, derived from the HMAC key");
    return keys;
  }
  const hmacPath = keyPath(options.kp_hmac_keyfile ?? `hmac-${name}`, options);
  const hmacKey = generateHmacKey();
  const keys = nvsKeysFromHmac(hmacKey);
  await write(hmacPath, hmacKey, "an HMAC key, for the eFuse");
  await write(path, writeKeyPartition(keys), "NVS keys, derived from the HMAC key");
  return keys;
}

function checkOptions(options: KeyFileOptions): void {
  const { key_protect_hmac, kp_hmac_keygen, kp_hmac_keyfile, kp_hmac_inputkey } = options;
  if (!key_protect_hmac) {
    if (kp_hmac_keygen || kp_hmac_keyfile !== undefined || kp_hmac_inputkey !== undefined) {
      throw new VisibleError("the --kp_hmac options need --key_protect_hmac");
    }
  } else if (Boolean(kp_hmac_keygen) === (kp_hmac_inputkey !== undefined)) {
    throw new VisibleError("--key_protect_hmac needs one of --kp_hmac_keygen and --kp_hmac_inputkey");
  }
}

function keyPath(name: string, options: KeyFileOptions): string {
  if (name === STANDARD) return name;
  const path = isAbsolute(name)
    ? outputPath(name, undefined)
    : outputPath(name, join(options.outdir ?? ".", "keys"));
  if (existsSync(path) && !options.force) {
    const hint =
      "choose another name, or add --force: devices with the old keys can no longer be given images then";
    throw new VisibleError(`there are keys in ${path} already`, { hint });
  }
  return path;
}

async function write(path: string, bytes: Uint8Array, what: string): Promise<void> {
  await writeOutput(path, bytes);
  if (path !== STANDARD) say(`${path}: ${what}`);
}

function timestamp(now: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${two(now.getMonth() + 1)}-${two(now.getDate())}_${two(now.getHours())}-${two(now.getMinutes())}`;
}
