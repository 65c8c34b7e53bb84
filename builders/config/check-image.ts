// Takes what a builder of configuration images left in output/, and refuses what no board could use, or what was made
// for another device. Reads the folder.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import { readConfigFile } from "../config-file.ts";
import type { ConfigPartition } from "../contract.ts";
import { readNvsCsv } from "../nvs/csv.ts";
import { decodeNvs } from "../nvs/decode.ts";
import type { NvsEntry } from "../nvs/entry.ts";
import type { ConfigEntry } from "./contract.ts";

/** A device's image, before it is encrypted where its class wants that. */
export interface ConfigImage {
  image: Uint8Array;
  /** The same in Espressif's CSV, for people. */
  csv: string;
}

/** Image and CSV lie together in a Secret, which holds 1 MiB (bytes). */
const LARGEST_CSV = 256 * 1024;

/** By these the firmware, the flash script and the station know whose configuration it is. */
const IDENTITY = "edgeflock";

/**
 * @param entries what the image was made of
 * @throws VisibleError that says what is wrong; no message contains a value
 */
export async function takeConfigImage(
  output: string,
  { size, format }: ConfigPartition,
  entries: readonly ConfigEntry[],
): Promise<ConfigImage> {
  const image = await take(output, "config.bin", size);
  if (image.length !== size) {
    throw new VisibleError(`config.bin has ${image.length} bytes, the partition ${size}`, {
      hint: "fill the image up with 0xFF: input/settings.json tells the size",
    });
  }
  const csv = text(await take(output, "config.csv", LARGEST_CSV));
  checkIdentity(format === "file" ? entriesOfFile(image) : entriesOfNvs(image), entries);
  return { image, csv };
}

async function take(output: string, name: string, most: number): Promise<Buffer> {
  const path = join(output, name);
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) throw new VisibleError(`the builder left no output/${name}`);
  // before it is read: a builder that ran wild may have written gigabytes
  if (info.size > most) throw new VisibleError(`${name} has ${info.size} bytes, at most ${most} have room`);
  return await readFile(path);
}

function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new VisibleError("config.csv is not UTF-8");
  }
}

function entriesOfNvs(image: Uint8Array): readonly NvsEntry[] {
  const { entries, problems } = decodeNvs(image);
  const [first] = problems;
  if (!first) return entries;
  throw new VisibleError(`config.bin is no sound NVS image: ${first.message}`, {
    hint: 'classes with config.format "nvs" take NVS images, unencrypted: Edgeflock itself encrypts them',
  });
}

function entriesOfFile(image: Uint8Array): readonly NvsEntry[] {
  const csv = readConfigFile(image);
  if (csv === undefined) {
    throw new VisibleError(
      'config.bin does not begin with "EDGEFCFG", as a configuration that is a file does',
      {
        hint: "docs/firmware.md describes the format",
      },
    );
  }
  const rows = readNvsCsv([{ file: "config.bin", content: csv }], () => new Uint8Array());
  return rows.flatMap(({ row }) => (row.key === undefined ? [] : [row]));
}

function checkIdentity(found: readonly NvsEntry[], wanted: readonly ConfigEntry[]): void {
  const wrong = wanted
    .filter(({ namespace }) => namespace === IDENTITY)
    .filter(({ key, value }) => {
      const one = found.find((entry) => entry.namespace === IDENTITY && entry.key === key);
      return one === undefined || String(one.value) !== value;
    })
    .map(({ key }) => `${IDENTITY}/${key}`);
  if (wrong.length === 0) return;
  throw new VisibleError(
    `config.bin does not hold ${wrong.join(", ")} as input/settings.json has ${wrong.length === 1 ? "it" : "them"}`,
    { hint: "by them the board, and whoever flashes it, know whose configuration it is" },
  );
}
