// Judges a partition table by itself, against its flash and for its configuration partition. Touches nothing.
import { checkImages, type FlashImage, warnAboutImages } from "./check-images.ts";
import {
  APP_ALIGNMENT,
  describePartition,
  FLAG,
  hex,
  isApp,
  isData,
  isPrimary,
  LONGEST_LABEL,
  otaSlot,
  type Partition,
  type PartitionTable,
  SECTOR_SIZE,
  TABLE_OFFSET,
  TYPE,
} from "./partition-table.ts";

export type { FlashImage } from "./check-images.ts";

export interface PartitionCheckOptions {
  /** Bytes of the flash. */
  flashSize?: number;
  /** Where the table lies. Default 0x8000. */
  tableOffset?: number;
  /** Everything that is flashed, to be held against the table. */
  images?: readonly FlashImage[];
  /** The partition of the configuration image, and the bytes it should have. */
  configPartition?: { label: string; size?: number; format?: "nvs" | "file" };
}

const NVS_WRITABLE_SIZE = 0x3000;
const OTADATA_SIZE = 0x2000;
/** Label of the partition that the firmware's own NVS and its Wi-Fi driver use. */
export const RUNTIME_NVS_LABEL = "nvs";

/** Everything that makes the table unusable, a sentence each. Empty for a good one. */
export function checkPartitionTable(table: PartitionTable, options: PartitionCheckOptions = {}): string[] {
  return [
    ...table.flatMap((partition) => checkPartition(partition, options)),
    ...checkNames(table),
    ...checkOverlaps(table),
    ...checkOtadata(table),
    ...(options.configPartition ? checkConfigPartition(table, options.configPartition) : []),
    ...checkImages(table, options.images ?? [], options.tableOffset ?? TABLE_OFFSET),
  ];
}

/** What works but is probably not meant. */
export function warnAboutPartitionTable(
  table: PartitionTable,
  options: PartitionCheckOptions = {},
): string[] {
  const warnings: string[] = [];
  if (!table.some(isApp)) warnings.push("the table has no app partition: nothing can boot from it");
  const config = table.find((partition) => partition.name === options.configPartition?.label);
  if (config && isData(config, "nvs") && !(config.flags & FLAG.readonly)) {
    const remedy = 'give it the flag "readonly" (ESP-IDF 5.2 and later)';
    warnings.push(
      `the firmware can write to the configuration partition ${describePartition(config)}: ${remedy}`,
    );
  }
  if (
    config &&
    !table.some((partition) => isData(partition, "nvs") && partition.name === RUNTIME_NVS_LABEL)
  ) {
    warnings.push(
      `there is no data/nvs partition named "nvs", which the Wi-Fi driver and nvs_flash_init() use`,
    );
  }
  for (const partition of table) {
    const unknown = partition.flags & ~(FLAG.encrypted | FLAG.readonly);
    if (unknown) warnings.push(`${describePartition(partition)} has unknown flags ${hex(unknown >>> 0)}`);
  }
  return [...warnings, ...warnAboutImages(table, options.images ?? [], options.tableOffset ?? TABLE_OFFSET)];
}

function checkPartition(partition: Partition, options: PartitionCheckOptions): string[] {
  const problems: string[] = [];
  const report = (message: string) => problems.push(`${describePartition(partition)} ${message}`);
  const { name, type, offset, size, flags } = partition;
  const alignment = type === TYPE.app ? APP_ALIGNMENT : SECTOR_SIZE;
  const end = offset + size;
  const tableEnd = (options.tableOffset ?? TABLE_OFFSET) + SECTOR_SIZE;

  if (name === "") report("has no name");
  if (Buffer.byteLength(name) > LONGEST_LABEL) report(`has a name longer than ${LONGEST_LABEL} bytes`);
  if (size === 0) report("is empty");
  if (offset % alignment !== 0) report(`does not begin at a multiple of ${hex(alignment)}`);
  if (type === TYPE.app && size % SECTOR_SIZE !== 0)
    report(`has a size that is no multiple of ${hex(SECTOR_SIZE)}`);
  if (!isPrimary(partition) && offset < tableEnd)
    report(`begins before the partition table's end at ${hex(tableEnd)}`);
  if (options.flashSize !== undefined && end > options.flashSize) {
    report(`ends beyond the flash of ${hex(options.flashSize)} bytes`);
  }
  if (isData(partition, "nvs")) problems.push(...checkNvs(partition));
  if (isData(partition, "nvs_keys") && size < SECTOR_SIZE)
    report(`is smaller than the ${hex(SECTOR_SIZE)} that keys take`);
  if ((isData(partition, "ota") || isData(partition, "coredump")) && flags & FLAG.readonly) {
    report("cannot be readonly: the system writes to it");
  }
  return problems;
}

function checkNvs(partition: Partition): string[] {
  const { size, flags } = partition;
  const what = describePartition(partition);
  if (size % SECTOR_SIZE !== 0)
    return [`${what} is NVS with a size that is no multiple of ${hex(SECTOR_SIZE)}`];
  if (size >= NVS_WRITABLE_SIZE || flags & FLAG.readonly) return [];
  return [`${what} is NVS smaller than ${hex(NVS_WRITABLE_SIZE)}: make it larger, or readonly`];
}

function checkNames(table: PartitionTable): string[] {
  const names = table.map((partition) => partition.name);
  const twice = new Set(names.filter((name, at) => names.indexOf(name) !== at));
  return [...twice].map((name) => `the name ${JSON.stringify(name)} is there more than once`);
}

function checkOverlaps(table: PartitionTable): string[] {
  const problems: string[] = [];
  const sorted = [...table].sort((a, b) => a.offset - b.offset);
  let reaching: Partition | undefined;
  for (const partition of sorted) {
    if (reaching && partition.offset < reaching.offset + reaching.size) {
      problems.push(`${describePartition(partition)} overlaps ${describePartition(reaching)}`);
    }
    if (!reaching || partition.offset + partition.size > reaching.offset + reaching.size)
      reaching = partition;
  }
  return problems;
}

function checkOtadata(table: PartitionTable): string[] {
  const problems: string[] = [];
  for (const subtype of ["ota", "tee_ota"] as const) {
    const found = table.filter((partition) => isData(partition, subtype));
    if (found.length > 1) {
      problems.push(
        `there can be one data/${subtype} partition, not ${found.map((one) => one.name).join(" and ")}`,
      );
    }
    for (const partition of found) {
      if (partition.size === OTADATA_SIZE) continue;
      problems.push(
        `${describePartition(partition)} has to be ${hex(OTADATA_SIZE)} bytes, for it is otadata`,
      );
    }
  }
  const slots = table.filter((partition) => otaSlot(partition) !== undefined);
  const numbers = slots.map(otaSlot);
  const twice = new Set(numbers.filter((slot, at) => numbers.indexOf(slot) !== at));
  for (const slot of twice) problems.push(`there are two app partitions of subtype ota_${slot}`);
  if (slots.length > 1 && !table.some((partition) => isData(partition, "ota"))) {
    problems.push(`there are ${slots.length} OTA slots, but no data/ota partition to choose between them`);
  }
  return problems;
}

function checkConfigPartition(
  table: PartitionTable,
  wanted: { label: string; size?: number; format?: "nvs" | "file" },
): string[] {
  const subtype = wanted.format === "file" ? "undefined" : "nvs";
  const label = JSON.stringify(wanted.label);
  const config = table.find((partition) => partition.name === wanted.label);
  if (!config) {
    const row = `${wanted.label},data,${subtype},,${hex(wanted.size ?? 0x6000)},${subtype === "nvs" ? "readonly" : ""}`;
    return [`there is no partition ${label} for the configuration image; add \`${row}\``];
  }
  if (wanted.label === RUNTIME_NVS_LABEL) {
    return [
      `the configuration image cannot be in ${label}, which the firmware and its Wi-Fi driver write to; add another`,
    ];
  }
  const problems: string[] = [];
  if (!isData(config, subtype))
    problems.push(`${describePartition(config)} is not of type data/${subtype}, as configuration is`);
  if (wanted.size !== undefined && wanted.size !== config.size) {
    const sizes = `${hex(config.size)} bytes, the configuration image ${hex(wanted.size)}`;
    problems.push(
      `${describePartition(config)} has ${sizes}: they have to be equal, lest old pages stay behind`,
    );
  }
  return problems;
}
