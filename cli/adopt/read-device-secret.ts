// What a Secret that exists says of a device: of our own making, of pedge's (username, password), or by hand. Pure.
import { type DecodedEntry, decodeNvs } from "../../builders/nvs/decode.ts";
import { decryptNvs, type NvsKeys, nvsKeysFromHmac, readKeyPartition } from "../../builders/nvs/encrypt.ts";
import type { Credential } from "../../model/adopted.ts";
import type { ResolvedSetting } from "../../model/resolve.ts";

export interface LiveObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string>; uid?: string };
}

export interface LiveSecret extends LiveObject {
  data?: Record<string, string>;
}

export interface SecretReading {
  credential: Credential | undefined;
  /** Key material in base64, as `deviceState` derives it: the HMAC key, or both XTS keys. */
  nvsKey(scheme: "hmac" | "flash"): string | undefined;
  /** The value of a setting as text. */
  setting(setting: ResolvedSetting<unknown>): string | undefined;
}

const XTS_KEYS_SIZE = 64;

export function readDeviceSecret(secret: LiveSecret): SecretReading {
  const bytes = (key: string) => {
    const value = secret.data?.[key];
    return value === undefined ? undefined : Buffer.from(value, "base64");
  };
  const username = bytes("MQTT_USERNAME") ?? bytes("username");
  const password = bytes("MQTT_PASSWORD") ?? bytes("password");
  const keys = bytes("nvs-keys.bin");
  let entries: DecodedEntry[] | undefined;
  return {
    credential:
      username && password
        ? { username: username.toString("utf8"), password: password.toString("utf8") }
        : undefined,
    nvsKey: (scheme) =>
      keys && (scheme === "hmac" ? keys : keys.subarray(0, XTS_KEYS_SIZE)).toString("base64"),
    setting({ secretKey, target }) {
      if (secretKey !== undefined) return bytes(secretKey)?.toString("utf8");
      entries ??= imageEntries(bytes("config.bin"), keys);
      const entry = entries.find(
        ({ namespace, key }) => namespace === target?.namespace && key === target?.key,
      );
      if (entry === undefined) return undefined;
      return entry.value instanceof Uint8Array
        ? Buffer.from(entry.value).toString("base64")
        : String(entry.value);
    },
  };
}

/** None where the image cannot be read. */
function imageEntries(image: Buffer | undefined, keys: Buffer | undefined): DecodedEntry[] {
  if (!image) return [];
  try {
    return decodeNvs(keys ? decryptNvs(image, keysOf(keys)) : image).entries;
  } catch {
    return [];
  }
}

function keysOf(bytes: Buffer): NvsKeys {
  return bytes.length === 32 ? nvsKeysFromHmac(bytes) : readKeyPartition(bytes);
}
