// A configuration as a file: Espressif's CSV behind a header with its checksum, for a raw partition. Pure.
// The firmware checks it at its start, moves it into its own NVS and erases it (esp32/firmware/core/config_file.h).
// Layout: "EDGEFCFG", u32 length, u32 CRC-32 (both little-endian) of the CSV, the CSV, then 0xFF to the end.
import { crc32 } from "node:zlib";
import { VisibleError } from "../model/visible-error.ts";
import { entriesToCsv } from "./nvs/csv.ts";
import { generateNvs, type NvsEntry } from "./nvs/generate.ts";

export const CONFIG_FILE_MAGIC = "EDGEFCFG";
const HEADER_SIZE = 16;
/** The firmware's own NVS has five pages: one is kept free, and half of one is for what else lives there. */
const RUNTIME_ROOM = 0x4000;

/**
 * @param size of the partition in bytes; the image fills it
 * @throws VisibleError where the file is too long for the partition, or its settings for the firmware's own NVS;
 *   NvsInputError for what NVS cannot hold
 */
export function configFile(entries: readonly NvsEntry[], size: number): Uint8Array {
  try {
    generateNvs(entries, { size: RUNTIME_ROOM });
  } catch (cause) {
    throw new VisibleError(
      `the settings cannot be moved to the firmware's own NVS, which has room for ${RUNTIME_ROOM} bytes: ${(cause as Error).message}`,
      { hint: 'Make them fewer or shorter, or use config.format "nvs".', cause },
    );
  }
  const csv = Buffer.from(entriesToCsv(entries));
  if (csv.length > size - HEADER_SIZE) {
    throw new VisibleError(
      `the configuration file has ${csv.length + HEADER_SIZE} bytes, its partition ${size}`,
      { hint: "Make config.partition.size larger." },
    );
  }
  const image = Buffer.alloc(size, 0xff);
  image.write(CONFIG_FILE_MAGIC, "latin1");
  image.writeUInt32LE(csv.length, 8);
  image.writeUInt32LE(crc32(csv), 12);
  csv.copy(image, HEADER_SIZE);
  return image;
}

/**
 * The CSV of such an image, or undefined where it is none.
 * @throws VisibleError where it is damaged
 */
export function readConfigFile(image: Uint8Array): string | undefined {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  if (bytes.length < HEADER_SIZE || bytes.toString("latin1", 0, 8) !== CONFIG_FILE_MAGIC) return undefined;
  const csv = bytes.subarray(HEADER_SIZE, HEADER_SIZE + bytes.readUInt32LE(8));
  if (csv.length !== bytes.readUInt32LE(8) || crc32(csv) !== bytes.readUInt32LE(12)) {
    throw new VisibleError("the configuration file is damaged: its checksum does not match");
  }
  return csv.toString("utf8");
}
