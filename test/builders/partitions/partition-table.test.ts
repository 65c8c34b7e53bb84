import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  FLAG,
  type PartitionTable,
  parsePartitionCsv,
  partitionTableToCsv,
  readPartitionTable,
  writePartitionTable,
} from "../../../builders/partitions/index.ts";

const CSV = `# Name, Type, SubType, Offset, Size, Flags
nvs,data,nvs,0x9000,0x5000,
otadata,data,ota,0xe000,0x2000,
ota_0,app,ota_0,,1500K,
ota_1,app,ota_1,,1500K,
cfg,data,nvs,,0x6000,readonly
nvs_keys,data,nvs_keys,,0x1000,encrypted
mine,0x40,0x7,,12K,encrypted:readonly
`;

/** What gen_esp32part.py 1.5 of ESP-IDF makes of it, up to the FF that fill it to 0xC00 bytes. */
const BINARY = [
  "aa50010200900000005000006e76730000000000000000000000000000000000aa50010000e00000002000006f746164",
  "61746100000000000000000000000000aa50001000000100007017006f74615f30000000000000000000000000000000",
  "aa50001100001900007017006f74615f31000000000000000000000000000000aa500102007030000060000063666700",
  "00000000000000000000000002000000aa50010400d03000001000006e76735f6b657973000000000000000001000000",
  "aa50400700e03000003000006d696e6500000000000000000000000003000000ebebffffffffffffffffffffffffffff",
  "855bc37a9516363340e951da8ccf8e85",
].join("");

/** And how it prints that. */
const PRINTED = `# ESP-IDF Partition Table
# Name, Type, SubType, Offset, Size, Flags
nvs,data,nvs,0x9000,20K,
otadata,data,ota,0xe000,8K,
ota_0,app,ota_0,0x10000,1500K,
ota_1,app,ota_1,0x190000,1500K,
cfg,data,nvs,0x307000,24K,readonly
nvs_keys,data,nvs_keys,0x30d000,4K,encrypted
mine,64,7,0x30e000,12K,encrypted:readonly
`;

function failure(csv: string): string {
  try {
    parsePartitionCsv(csv, { file: "table.csv" });
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it was taken");
}

describe("a partition table", () => {
  it("becomes the bytes that ESP-IDF's gen_esp32part.py makes", () => {
    const bytes = Buffer.from(writePartitionTable(parsePartitionCsv(CSV)));
    expect(bytes).toHaveLength(0xc00);
    expect(bytes.toString("hex")).toBe(BINARY.padEnd(0xc00 * 2, "f"));
  });

  it("reads back from its bytes, and prints as gen_esp32part.py prints it", () => {
    const bytes = Buffer.from(BINARY.padEnd(0xc00 * 2, "f"), "hex");
    expect(readPartitionTable(bytes)).toEqual(parsePartitionCsv(CSV));
    expect(partitionTableToCsv(readPartitionTable(bytes))).toBe(PRINTED);
    expect(parsePartitionCsv(PRINTED)).toEqual(parsePartitionCsv(CSV));
  });

  it("can do without the MD5, for old bootloaders", () => {
    const bytes = writePartitionTable(parsePartitionCsv(CSV), { md5: false });
    expect(bytes.subarray(7 * 32).every((byte) => byte === 0xff)).toBe(true);
    expect(readPartitionTable(bytes)).toEqual(parsePartitionCsv(CSV));
  });

  it("keeps flags that it does not know", () => {
    const table: PartitionTable = [
      { name: "x", type: 1, subtype: 2, offset: 0x9000, size: 0x3000, flags: 0x80000001 },
    ];
    const read = readPartitionTable(writePartitionTable(table));
    expect(read[0]!.flags).toBe(0x80000001);
    expect(read[0]!.flags & FLAG.encrypted).toBe(1);
  });

  it("of any bytes is read, or refused with a sentence", () => {
    const bytes = writePartitionTable(parsePartitionCsv(CSV));
    const damage = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(damage, fc.nat(0xc00), (places, length) => {
        const copy = new Uint8Array(bytes.subarray(0, length));
        for (const [at, byte] of places) if (at < copy.length) copy[at] = byte;
        try {
          readPartitionTable(copy);
        } catch (error) {
          expect((error as Error).name).toBe("VisibleError");
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each<[string, (bytes: Uint8Array) => Uint8Array, RegExp]>([
    ["a changed byte", (b) => b.with(5, 1), /MD5 does not fit/],
    ["erased flash", (b) => b.map(() => 0xff), /empty: this flash was never written/],
    ["something else", (b) => b.map(() => 0), /begins with 0x0 0x0, not 0xaa 0x50/],
    ["a table cut short", (b) => b.subarray(0, 64), /no end within its 64 bytes/],
  ])("refuses %s", (_, change, message) => {
    expect(() => readPartitionTable(change(writePartitionTable(parsePartitionCsv(CSV))))).toThrow(message);
  });

  it("has at most 95 partitions", () => {
    const table = Array.from({ length: 96 }, (_, n) => ({ ...parsePartitionCsv(CSV)[0]!, name: `p${n}` }));
    expect(() => writePartitionTable(table)).toThrow(/at most 95 fit/);
    expect(readPartitionTable(writePartitionTable(table.slice(1)))).toHaveLength(95);
  });
});

describe("its CSV", () => {
  it("leaves offsets to be filled in, and sizes to be given by their end", () => {
    const table = parsePartitionCsv("a,data,nvs,,0x3000,\nb,app,factory,,1M,\nc,data,,,-0x200000,\n");
    expect(table.map(({ offset, size }) => [offset, size])).toEqual([
      [0x9000, 0x3000],
      [0x10000, 0x100000],
      [0x110000, 0xf0000],
    ]);
    expect(table[2]).toMatchObject({ type: 1, subtype: 6 });
  });

  it("may have another place for the table, and list the bootloader", () => {
    const csv =
      "bl,bootloader,primary,N/A,N/A,\npt,partition_table,primary,N/A,N/A,\nnvs,data,nvs,,0x3000,\n";
    const table = parsePartitionCsv(csv, { tableOffset: 0xa000, primaryBootloaderOffset: 0x1000 });
    expect(table.map(({ offset, size }) => [offset, size])).toEqual([
      [0x1000, 0x9000],
      [0xa000, 0x1000],
      [0xb000, 0x3000],
    ]);
    expect(() => parsePartitionCsv(csv)).toThrow(/--primary-bootloader-offset/);
  });

  it("is refused with every mistake and its line", () => {
    const csv =
      "# x\nnvs,data,nvz,0x9000,0x3000,\napp,app,,,1M,\nlong_label_of_16,data,nvs,,0x3000,\nx,data,nvs,,,\n" +
      "y,data,nvs,,12Q,\nz,data,nvs,,4K,frozen\nw,data\nv,data,nvs,$OFFSET,4K,\nu,data,nvs,-4K,4K,\nt,data,nvs,,010,\n";
    expect(failure(csv)).toMatch(
      /table\.csv:2:1 nvs: .*did you mean "nvs"\?\n.*:3:1 app: .*factory.*\n.*:4:1 .*longer than 15 bytes\n.*:5:1 x: the size is empty\n.*:6:1 y: .*"12Q" is no number\n.*:7:1 z: the flag "frozen" is unknown\n.*:8:1 w: .*\n.*:9:1 v: variables.*\n.*:10:1 u: the offset is negative\n.*:11:1 t: .*"010".*\n10 problems/,
    );
  });

  it("is refused where partitions run into each other, with both places", () => {
    expect(failure("a,data,nvs,0x8000,0x3000,\n")).toMatch(
      /table\.csv:1:1 a: .*0x8000, but the partition table ends at 0x9000/,
    );
    expect(failure("a,data,nvs,,0x3000,\nb,data,nvs,0xa000,0x3000,\n")).toMatch(
      /:2:1 b: .*0xa000, but the one before it ends at 0xc000/,
    );
    expect(failure("a,data,nvs,0x20000,-0x10000,\n")).toMatch(/end before it begins/);
  });
});
