// The builder "nvs" as a program, for its image: run in a work folder, it makes config.bin and config.csv of
// input/settings.json. The provider of devices calls the same functions without a program between.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { NvsValueError, parseNvsValue } from "../../model/nvs-type.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { ConfigSetting, ConfigSettings } from "../config/contract.ts";
import { entriesToCsv } from "./csv.ts";
import { generateNvs, type NvsEntry } from "./generate.ts";
import { writePrivateFile } from "./private-file.ts";

async function main(): Promise<void> {
  const { size, entries } = JSON.parse(await readFile("input/settings.json", "utf8")) as ConfigSettings;
  const rows = await Promise.all(entries.map(entryOf));
  writePrivateFile("output/config.bin", generateNvs(rows, { size }));
  writePrivateFile("output/config.csv", Buffer.from(entriesToCsv(rows)));
  console.log(`${rows.length} entries in ${size} bytes`);
}

async function entryOf(setting: ConfigSetting): Promise<NvsEntry> {
  const { namespace, key, type } = setting;
  const text =
    "secret" in setting ? await readFile(join("input", "secrets", setting.secret), "utf8") : setting.value;
  try {
    return { namespace, key, type, value: parseNvsValue(type, text) };
  } catch (error) {
    // its message tells what was expected, never the value
    if (!(error instanceof NvsValueError)) throw error;
    throw new VisibleError(`NVS key ${namespace}/${key}: ${error.message}`);
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof VisibleError ? error.message : error);
  process.exitCode = 1;
});
