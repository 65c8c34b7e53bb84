import { describe, expect, it } from "vitest";
import {
  checkPartitionTable,
  type PartitionCheckOptions,
  type PartitionTable,
  parsePartitionCsv,
  warnAboutPartitionTable,
} from "../../../builders/partitions/index.ts";

const GOOD = parsePartitionCsv(`
nvs,data,nvs,0x9000,0x5000,
otadata,data,ota,0xe000,0x2000,
ota_0,app,ota_0,0x10000,0x100000,
ota_1,app,ota_1,0x110000,0x100000,
cfg,data,nvs,0x210000,0x6000,readonly
`);

function changed(name: string, change: Partial<PartitionTable[number]>): PartitionTable {
  return GOOD.map((partition) => (partition.name === name ? { ...partition, ...change } : partition));
}

function problems(table: PartitionTable, options: PartitionCheckOptions = {}): string {
  return checkPartitionTable(table, options).join("\n");
}

const EVERYTHING: PartitionCheckOptions = {
  flashSize: 0x400000,
  configPartition: { label: "cfg", size: 0x6000 },
  images: [
    { name: "bootloader.bin", offset: 0x1000, size: 0x7000 },
    { name: "partitions.bin", offset: 0x8000, size: 0xc00 },
    { name: "boot_app0.bin", offset: 0xe000, size: 0x2000 },
    { name: "firmware.bin", offset: 0x10000, size: 0x100000 },
    { name: "config.bin", offset: 0x210000, size: 0x6000 },
  ],
};

describe("checking a partition table", () => {
  it("finds nothing in a good one", () => {
    expect(checkPartitionTable(GOOD, EVERYTHING)).toEqual([]);
    expect(warnAboutPartitionTable(GOOD, EVERYTHING)).toEqual([]);
  });

  it.each<[string, PartitionTable, RegExp]>([
    [
      "an overlap",
      changed("otadata", { offset: 0xd000 }),
      /"otadata" \(0xd000–0xf000\) overlaps "nvs" \(0x9000–0xe000\)/,
    ],
    ["an overlap with one further back", changed("nvs", { size: 0x80000 }), /"ota_0" .* overlaps "nvs"/],
    ["an app that is not aligned", changed("ota_1", { offset: 0x111000 }), /multiple of 0x10000/],
    ["an app of a crooked size", changed("ota_1", { size: 0x800 }), /no multiple of 0x1000/],
    ["data that is not aligned", changed("cfg", { offset: 0x210800 }), /multiple of 0x1000/],
    [
      "the table's own sector",
      changed("nvs", { offset: 0x8000 }),
      /before the partition table's end at 0x9000/,
    ],
    ["no size", changed("cfg", { size: 0 }), /is empty/],
    ["a name twice", changed("cfg", { name: "nvs" }), /"nvs" is there more than once/],
    ["no name", changed("cfg", { name: "" }), /has no name/],
    [
      "NVS that is too small to write to",
      changed("nvs", { size: 0x2000 }),
      /smaller than 0x3000: make it larger, or readonly/,
    ],
    ["NVS of a crooked size", changed("nvs", { size: 0x4800 }), /no multiple of 0x1000/],
    ["otadata of a wrong size", changed("otadata", { size: 0x1000 }), /0x2000 bytes, for it is otadata/],
    ["otadata that is readonly", changed("otadata", { flags: 2 }), /cannot be readonly/],
    [
      "two otadata",
      changed("cfg", { subtype: 0, size: 0x2000, flags: 0 }),
      /one data\/ota partition, not otadata and cfg/,
    ],
    ["OTA slots without otadata", changed("otadata", { subtype: 1 }), /2 OTA slots, but no data\/ota/],
    ["an OTA slot twice", changed("ota_1", { subtype: 0x10 }), /two app partitions of subtype ota_0/],
    [
      "a key partition that holds no keys",
      changed("cfg", { subtype: 4, size: 0x800 }),
      /smaller than the 0x1000 that keys take/,
    ],
  ])("finds %s", (_, table, message) => {
    expect(problems(table)).toMatch(message);
  });

  it("takes a small NVS that is for reading only", () => {
    expect(problems(changed("cfg", { size: 0x1000 }))).toBe("");
  });

  it("finds what lies beyond the flash", () => {
    expect(problems(GOOD, { flashSize: 0x200000 })).toMatch(
      /"ota_1" .* ends beyond the flash of 0x200000 bytes\n"cfg"/,
    );
    expect(problems(GOOD, { flashSize: 0x216000 })).toBe("");
  });
});

describe("the configuration partition", () => {
  it.each<[string, PartitionTable, { label: string; size?: number }, RegExp]>([
    [
      "that is missing",
      GOOD,
      { label: "config" },
      /no partition "config".*add `config,data,nvs,,0x6000,readonly`/,
    ],
    [
      "that is the runtime's own",
      GOOD,
      { label: "nvs" },
      /cannot be in "nvs", which the firmware and its Wi-Fi driver write to/,
    ],
    ["that is no NVS", changed("cfg", { subtype: 0x81 }), { label: "cfg" }, /not of type data\/nvs/],
    [
      "that is larger than its image",
      GOOD,
      { label: "cfg", size: 0x3000 },
      /0x6000 bytes, the configuration image 0x3000/,
    ],
  ])("%s is refused", (_, table, configPartition, message) => {
    expect(problems(table, { configPartition })).toMatch(message);
  });

  it("that the firmware could write to is warned of", () => {
    const warnings = warnAboutPartitionTable(changed("cfg", { flags: 0 }), {
      configPartition: { label: "cfg" },
    });
    expect(warnings).toEqual([
      expect.stringMatching(/firmware can write to the configuration partition "cfg".*"readonly"/),
    ]);
  });

  it("beside no runtime NVS is warned of", () => {
    const warnings = warnAboutPartitionTable(changed("nvs", { name: "store" }), {
      configPartition: { label: "cfg" },
    });
    expect(warnings).toEqual([expect.stringMatching(/no data\/nvs partition named "nvs"/)]);
  });
});

describe("what is to be flashed", () => {
  const image = (name: string, offset: number, size: number) =>
    problems(GOOD, { images: [{ name, offset, size }] });

  it("may not lie inside another's partition: pedge's boot_app0 inside NVS", () => {
    const pedge = parsePartitionCsv("nvs,data,nvs,0x9000,0x6000,\nfactory,app,factory,0x10000,1M,\n");
    expect(
      checkPartitionTable(pedge, { images: [{ name: "boot_app0.bin", offset: 0xe000, size: 0x2000 }] }),
    ).toEqual([
      'boot_app0.bin (0xe000–0x10000) lies inside the partition "nvs" (0x9000–0xf000), not at its start, and would overwrite part of it',
    ]);
  });

  it.each<[string, [string, number, number], RegExp]>([
    [
      "fits its partition",
      ["app.bin", 0x10000, 0x100001],
      /app\.bin .*has 1 bytes more than its partition "ota_0"/,
    ],
    ["reaches into no other", ["x.bin", 0xf0000, 0x30000], /lies inside the partition "ota_0"/],
    ["begins with a sector", ["x.bin", 0x9001, 0x100], /multiple of 0x1000: flash is erased in such sectors/],
    [
      "leaves the table alone from below",
      ["bootloader.bin", 0x1000, 0x7001],
      /reaches into the partition table at 0x8000/,
    ],
    [
      "leaves the table alone from within",
      ["x.bin", 0x8100, 0x10],
      /lies inside the partition table's sector/,
    ],
    [
      "as the table is no longer than its sector",
      ["table.bin", 0x8000, 0x1001],
      /larger than the partition table's sector/,
    ],
  ])("%s", (_, given, message) => {
    expect(image(...given)).toMatch(message);
  });

  it("may not overlap", () => {
    const images = [
      { name: "a.bin", offset: 0x10000, size: 0x2000 },
      { name: "b.bin", offset: 0x11000, size: 0x10 },
    ];
    expect(problems(GOOD, { images })).toMatch(/b\.bin \(0x11000–0x11010\) overlaps a\.bin/);
  });

  it("outside of every partition is warned of", () => {
    expect(
      warnAboutPartitionTable(GOOD, { images: [{ name: "x.bin", offset: 0x300000, size: 16 }] }),
    ).toEqual(["x.bin (0x300000–0x300010) lies in no partition"]);
  });
});
