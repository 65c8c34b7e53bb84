// A partition table as it lies in flash: read and written. Touches nothing.
// Layout: 32-byte entries `AA 50`, type, subtype, offset, size, label[16], flags; then `EB EB`, 14 x FF and the MD5
// of the entries; FF to 0xC00. Source: ESP-IDF, "Partition Tables", and components/bootloader_support.
import { createHash } from "node:crypto";
import { VisibleError } from "../../model/visible-error.ts";
import {
  hex,
  LONGEST_LABEL,
  MOST_PARTITIONS,
  type Partition,
  type PartitionTable,
  TABLE_SIZE,
} from "./partition-table.ts";

const ENTRY_SIZE = 32;
const MAGIC = 0x50aa;
const MD5_MAGIC = 0xebeb;

/**
 * @param options.md5 whether to add the checksum; only bootloaders from before ESP-IDF 3.1 cannot read it
 * @returns 0xC00 bytes
 * @throws VisibleError if there are too many partitions or a name is too long
 */
export function writePartitionTable(table: PartitionTable, options: { md5?: boolean } = {}): Uint8Array {
  const { md5 = true } = options;
  if (table.length > MOST_PARTITIONS) {
    throw new VisibleError(`the table has ${table.length} partitions; at most ${MOST_PARTITIONS} fit`);
  }
  const bytes = Buffer.alloc(TABLE_SIZE, 0xff);
  for (const [index, partition] of table.entries()) writeEntry(bytes, index * ENTRY_SIZE, partition);
  if (md5) {
    const end = table.length * ENTRY_SIZE;
    bytes.writeUInt16LE(MD5_MAGIC, end);
    createHash("md5")
      .update(bytes.subarray(0, end))
      .digest()
      .copy(bytes, end + 16);
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function writeEntry(bytes: Buffer, at: number, partition: Partition): void {
  const { name, type, subtype, offset, size, flags } = partition;
  if (Buffer.byteLength(name) > LONGEST_LABEL || name.includes("\0")) {
    throw new VisibleError(
      `the partition name ${JSON.stringify(name)} is longer than ${LONGEST_LABEL} bytes`,
    );
  }
  bytes.writeUInt16LE(MAGIC, at);
  bytes[at + 2] = type;
  bytes[at + 3] = subtype;
  bytes.writeUInt32LE(offset, at + 4);
  bytes.writeUInt32LE(size, at + 8);
  bytes.fill(0, at + 12, at + 28);
  bytes.write(name, at + 12);
  bytes.writeUInt32LE(flags >>> 0, at + 28);
}

/**
 * Reads the table at the start of `bytes` (what follows it is not looked at).
 *
 * @throws VisibleError if it is no table, ends too early, or its MD5 is wrong
 */
export function readPartitionTable(bytes: Uint8Array): PartitionTable {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, TABLE_SIZE));
  const table: PartitionTable = [];
  for (let at = 0; at + ENTRY_SIZE <= buffer.length; at += ENTRY_SIZE) {
    const entry = buffer.subarray(at, at + ENTRY_SIZE);
    if (entry.every((byte) => byte === 0xff)) return ended(table);
    const magic = entry.readUInt16LE(0);
    if (magic === MD5_MAGIC) {
      checkMd5(buffer.subarray(0, at), entry.subarray(16));
      return ended(table);
    }
    if (magic !== MAGIC) {
      const found = `${hex(entry[0]!)} ${hex(entry[1]!)}`;
      const hint = "the table lies at 0x8000 of the flash, unless the project moved it";
      throw new VisibleError(
        `entry ${table.length} of the partition table begins with ${found}, not 0xaa 0x50`,
        { hint },
      );
    }
    table.push(readEntry(entry));
  }
  throw new VisibleError(`the partition table has no end within its ${buffer.length} bytes`);
}

function ended(table: PartitionTable): PartitionTable {
  if (table.length === 0)
    throw new VisibleError("the partition table is empty: this flash was never written");
  return table;
}

function readEntry(entry: Buffer): Partition {
  const label = entry.subarray(12, 28);
  const end = label.indexOf(0);
  return {
    name: label.toString("utf8", 0, end === -1 ? label.length : end),
    type: entry[2]!,
    subtype: entry[3]!,
    offset: entry.readUInt32LE(4),
    size: entry.readUInt32LE(8),
    flags: entry.readUInt32LE(28),
  };
}

function checkMd5(entries: Buffer, found: Buffer): void {
  if (createHash("md5").update(entries).digest().equals(found)) return;
  throw new VisibleError("the partition table is damaged: its MD5 does not fit its entries");
}
