// What a builder of configuration images is given in input/settings.json, and how that is read. Pure.
import type { NvsType } from "../../model/nvs-type.ts";

/** One key of the image, in the order in which it is to be written. */
export type ConfigSetting = {
  /** NVS namespace and key, at most 15 characters each. */
  namespace: string;
  key: string;
  type: NvsType;
} & (
  | {
      /** As text: numbers in decimal, blobs in base64. */
      value: string;
    }
  | {
      /** Name of the file in input/secrets/ that holds it, as text. */
      secret: string;
    }
);

/** Content of input/settings.json. */
export interface ConfigSettings {
  /** Bytes of the partition, and of the image. */
  size: number;
  entries: ConfigSetting[];
}

/** A key with its value, and whether the value is secret. */
export interface ConfigEntry {
  namespace: string;
  key: string;
  type: NvsType;
  value: string;
  secret: boolean;
}

/** Splits what everybody may read from what lies in files of its own. */
export function splitSecrets(
  size: number,
  entries: readonly ConfigEntry[],
): { settings: ConfigSettings; secrets: Record<string, string> } {
  const secrets: Record<string, string> = {};
  const shown = entries.map(({ namespace, key, type, value, secret }, index): ConfigSetting => {
    if (!secret) return { namespace, key, type, value };
    // names of keys may hold what names of files cannot
    const file = `entry-${index}`;
    secrets[file] = value;
    return { namespace, key, type, secret: file };
  });
  return { settings: { size, entries: shown }, secrets };
}
