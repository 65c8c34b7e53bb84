// The partition table of Edgeflock's own firmware: two OTA slots, the runtime's own NVS, and the configuration
// apart from it, for reading only where the firmware's ESP-IDF knows that. Pure.
import { VisibleError } from "../../model/visible-error.ts";
import type { ConfigPartition } from "../contract.ts";
import { flashSizeBytes } from "../flash-size.ts";
import { parsePartitionCsv } from "./csv.ts";
import { APP_ALIGNMENT, DATA_SUBTYPE, type PartitionTable } from "./partition-table.ts";

export const OTADATA_OFFSET = 0xe000;
export const APP_OFFSET = 0x10000;
/** Kept for the configuration even if it is smaller, so that changing its size moves no application. */
const CONFIG_ROOM = 0x30000;
/** Less holds no firmware. */
const SMALLEST_SLOT = 0x100000;

export interface OtaLayout {
  /** As esptool spells it. */
  flashSize: string;
  /** Label and bytes of the configuration partition, which goes to the end of the flash. */
  config: ConfigPartition;
  /** Whether the keys of an encrypted configuration need a partition; the runtime's NVS gives a page to it. */
  keys: boolean;
  /** Whether an NVS configuration is flagged `readonly`, which the tools before ESP-IDF 5.2 refuse to read. */
  readonly: boolean;
}

/** Subtypes that some version of gen_esp32part.py in use has no word for are numbers. */
export function otaPartitionCsv({ flashSize, config, keys, readonly }: OtaLayout): string {
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
      ? [
          "nvs, data, nvs, 0x9000, 0x4000,",
          `nvs_keys, data, ${hex(DATA_SUBTYPE.nvs_keys)}, 0xd000, 0x1000, encrypted`,
        ]
      : ["nvs, data, nvs, 0x9000, 0x5000,"]),
    `otadata, data, ota, ${hex(OTADATA_OFFSET)}, 0x2000,`,
    `ota_0, app, ota_0, ${hex(APP_OFFSET)}, ${hex(slot)},`,
    `ota_1, app, ota_1, ${hex(APP_OFFSET + slot)}, ${hex(slot)},`,
    config.format === "file"
      ? `${config.label}, data, ${hex(DATA_SUBTYPE.undefined)}, ${hex(bytes - room)}, ${hex(config.size)},`
      : `${config.label}, data, nvs, ${hex(bytes - room)}, ${hex(config.size)},${readonly ? " readonly" : ""}`,
    "",
  ].join("\n");
}

/** For firmware whose table Edgeflock writes itself. */
export function otaPartitions(flashSize: string, config: ConfigPartition, keys = false): PartitionTable {
  return parsePartitionCsv(otaPartitionCsv({ flashSize, config, keys, readonly: true }), {
    file: "the partitions of Edgeflock's firmware",
  });
}
