// The partition table of Edgeflock's own firmware: two OTA slots, the runtime's own NVS, and the configuration
// apart from it, for reading only. Pure.
import { VisibleError } from "../../model/visible-error.ts";
import type { ConfigPartition } from "../contract.ts";
import { flashSizeBytes } from "../flash-size.ts";
import { parsePartitionCsv } from "./csv.ts";
import { APP_ALIGNMENT, type PartitionTable } from "./partition-table.ts";

export const OTADATA_OFFSET = 0xe000;
export const APP_OFFSET = 0x10000;
/** Kept for the configuration even if it is smaller, so that changing its size moves no application. */
const CONFIG_ROOM = 0x30000;
/** Less holds no firmware. */
const SMALLEST_SLOT = 0x100000;

/**
 * @param config label and bytes of the configuration partition, which goes to the end of the flash
 * @param keys whether the keys of an encrypted configuration need a partition; the runtime's NVS gives a page to it
 */
export function otaPartitionCsv(flashSize: string, config: ConfigPartition, keys = false): string {
  const bytes = flashSizeBytes(flashSize);
  if (bytes === undefined) throw new VisibleError(`"${flashSize}" is no flash size such as 4MB`);
  const room = Math.max(CONFIG_ROOM, Math.ceil(config.size / APP_ALIGNMENT) * APP_ALIGNMENT);
  const slot = Math.floor((bytes - room - APP_OFFSET) / 2 / APP_ALIGNMENT) * APP_ALIGNMENT;
  if (slot < SMALLEST_SLOT) {
    throw new VisibleError(`a flash of ${flashSize} has no room for two applications and the configuration`, {
      hint: "it needs at least 4MB",
    });
  }
  const hex = (value: number): string => `0x${value.toString(16)}`;
  return [
    "# Name, Type, SubType, Offset, Size, Flags",
    ...(keys
      ? ["nvs, data, nvs, 0x9000, 0x4000,", "nvs_keys, data, nvs_keys, 0xd000, 0x1000, encrypted"]
      : ["nvs, data, nvs, 0x9000, 0x5000,"]),
    `otadata, data, ota, ${hex(OTADATA_OFFSET)}, 0x2000,`,
    `ota_0, app, ota_0, ${hex(APP_OFFSET)}, ${hex(slot)},`,
    `ota_1, app, ota_1, ${hex(APP_OFFSET + slot)}, ${hex(slot)},`,
    config.format === "file"
      ? `${config.label}, data, undefined, ${hex(bytes - room)}, ${hex(config.size)},`
      : `${config.label}, data, nvs, ${hex(bytes - room)}, ${hex(config.size)}, readonly`,
    "",
  ].join("\n");
}

export function otaPartitions(flashSize: string, config: ConfigPartition, keys = false): PartitionTable {
  return parsePartitionCsv(otaPartitionCsv(flashSize, config, keys), {
    file: "the partitions of Edgeflock's firmware",
  });
}
