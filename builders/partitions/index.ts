// Partition tables: everything that other modules need. Touches nothing.
export { readPartitionTable, writePartitionTable } from "./binary.ts";
export {
  checkPartitionTable,
  type FlashImage,
  type PartitionCheckOptions,
  RUNTIME_NVS_LABEL,
  warnAboutPartitionTable,
} from "./check.ts";
export { type PartitionCsvOptions, parsePartitionCsv, partitionTableToCsv } from "./csv.ts";
export { APP_OFFSET, OTADATA_OFFSET, otaPartitionCsv, otaPartitions } from "./ota-layout.ts";
export { bootSlot, OTADATA_SIZE, type OtadataEntry, type OtaState, otadata, readOtadata } from "./otadata.ts";
export {
  describePartition,
  FLAG,
  isApp,
  isData,
  otaSlot,
  type Partition,
  type PartitionTable,
  subtypeName,
  TABLE_OFFSET,
  TABLE_SIZE,
  typeName,
} from "./partition-table.ts";
