// What a partition table is, and the names of its types. Pure data and look-ups; touches nothing.
// Source: ESP-IDF, "Partition Tables" (docs/en/api-guides/partition-tables.rst).

export interface Partition {
  /** Label: at most 15 bytes, one NUL after it. */
  name: string;
  /** 0 app, 1 data, 2 bootloader, 3 partition table, 0x40–0xFE an application's own. */
  type: number;
  subtype: number;
  /** Bytes from the start of the flash. */
  offset: number;
  /** Bytes. */
  size: number;
  /** Bits: 0 encrypted, 1 readonly; others are kept as they are. */
  flags: number;
}

export type PartitionTable = Partition[];

export const FLAG = { encrypted: 1, readonly: 2 } as const;

/** Where the table lies, unless a project moved it. */
export const TABLE_OFFSET = 0x8000;
/** Bytes of the table itself; it has the whole sector for itself. */
export const TABLE_SIZE = 0xc00;
export const SECTOR_SIZE = 0x1000;
/** App partitions begin on such a boundary, because flash is mapped in such pages. */
export const APP_ALIGNMENT = 0x10000;
/** Most partitions: 96 entries of 32 bytes, one of which is the MD5. */
export const MOST_PARTITIONS = 95;
/** Most bytes in a label, without its NUL. */
export const LONGEST_LABEL = 15;

export const TYPE = { app: 0, data: 1, bootloader: 2, partition_table: 3 } as const;

export const APP_SUBTYPE = { factory: 0, test: 0x20 } as const;
export const FIRST_OTA_SLOT = 0x10;
export const OTA_SLOTS = 16;
export const DATA_SUBTYPE = {
  ota: 0,
  phy: 1,
  nvs: 2,
  coredump: 3,
  nvs_keys: 4,
  efuse: 5,
  undefined: 6,
  esphttpd: 0x80,
  fat: 0x81,
  spiffs: 0x82,
  littlefs: 0x83,
  tee_ota: 0x90,
} as const;

const SUBTYPES: Record<number, Record<string, number>> = {
  [TYPE.app]: {
    ...APP_SUBTYPE,
    ...Object.fromEntries(
      Array.from({ length: OTA_SLOTS }, (_, slot) => [`ota_${slot}`, FIRST_OTA_SLOT + slot]),
    ),
    tee_0: 0x30,
    tee_1: 0x31,
  },
  [TYPE.data]: DATA_SUBTYPE,
  [TYPE.bootloader]: { primary: 0, ota: 1, recovery: 2 },
  [TYPE.partition_table]: { primary: 0, ota: 1 },
};

/** The names that a subtype column may have after a type. */
export function subtypeNames(type: number): Record<string, number> {
  return SUBTYPES[type] ?? {};
}

export function typeName(type: number): string | undefined {
  return Object.entries(TYPE).find(([, value]) => value === type)?.[0];
}

export function subtypeName(type: number, subtype: number): string | undefined {
  return Object.entries(subtypeNames(type)).find(([, value]) => value === subtype)?.[0];
}

export function isData(partition: Partition, subtype: keyof typeof DATA_SUBTYPE): boolean {
  return partition.type === TYPE.data && partition.subtype === DATA_SUBTYPE[subtype];
}

export function isApp(partition: Partition): boolean {
  return partition.type === TYPE.app;
}

/** Number of an OTA app slot, or undefined. */
export function otaSlot(partition: Partition): number | undefined {
  const slot = partition.subtype - FIRST_OTA_SLOT;
  return isApp(partition) && slot >= 0 && slot < OTA_SLOTS ? slot : undefined;
}

/** Entries for the bootloader and the table itself describe what lies before the other partitions. */
export function isPrimary(partition: Partition): boolean {
  return (
    (partition.type === TYPE.bootloader || partition.type === TYPE.partition_table) && partition.subtype === 0
  );
}

/** `nvs (0x9000–0xf000)`, for messages. */
export function describePartition(partition: Partition): string {
  return `${JSON.stringify(partition.name)} (${hex(partition.offset)}–${hex(partition.offset + partition.size)})`;
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
