import { describe, expect, it } from "vitest";
import { packArchive } from "../../builders/artifact-archive.ts";
import { describeArtifact } from "../../builders/describe-artifact.ts";
import { FLASHER_ARGS, writeFlasherArgs } from "../../builders/flasher-args.ts";
import { parsePartitionCsv, writePartitionTable } from "../../builders/partitions/index.ts";
import { CLASS, PARTITIONS, soundFirmware } from "./support.ts";

const SETTINGS = { chip: "esp32", mode: "dio", frequency: "40m", size: "4MB" };
const EXPECTED = { ...CLASS, flashSize: "4MB" };
const describeFiles = (files: Record<string, Uint8Array>, expected = EXPECTED) =>
  describeArtifact(packArchive(new Map(Object.entries(files))), expected);

function withFiles(changes: Record<string, Uint8Array>, places: [number, string][], settings = SETTINGS) {
  const files = places.map(([offset, path]) => ({ offset, path, name: path.split(".")[0]! }));
  return {
    ...soundFirmware(),
    ...changes,
    [FLASHER_ARGS]: Buffer.from(writeFlasherArgs({ ...settings, files })),
  };
}
const USUAL: [number, string][] = [
  [0x8000, "partition-table.bin"],
  [0x10000, "app.bin"],
];

describe("firmware from a builder", () => {
  it("is described by its own tables", () => {
    const artifact = describeFiles(soundFirmware("2.4.1"));
    expect(artifact).toMatchObject({ chip: "esp32", flashSize: "4MB", version: "2.4.1" });
    expect(artifact.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(artifact.config).toEqual({ label: "cfg", offset: 0x310000, size: 0x6000 });
    expect(artifact.files.map(({ offset, path }) => [offset, path])).toEqual(USUAL);
  });

  it("with many faults is refused with all of them at once", () => {
    const files = withFiles({ "big.bin": new Uint8Array(0x3000) }, [
      ...USUAL,
      [0x9001, "big.bin"],
      [0xb000, "gone.bin"],
      [0x3fe000, "big2.bin"],
    ]);
    const act = () =>
      describeFiles({ ...files, "big2.bin": new Uint8Array(0x3000) }, { ...EXPECTED, chip: "esp32c3" });
    for (const part of [
      "it is for esp32, the class for esp32c3",
      "app.bin is for esp32, not for esp32c3",
      "big.bin begins at 0x9001, which is no multiple of 0x1000",
      "gone.bin is missing",
      "big2.bin ends at 0x401000, beyond the flash of 0x400000 bytes",
    ]) {
      expect(act).toThrow(part);
    }
  });

  it("whose files overlap is refused", () => {
    const files = withFiles({ "b.bin": new Uint8Array(0x3000), "c.bin": new Uint8Array(0x1000) }, [
      ...USUAL,
      [0x9000, "b.bin"],
      [0xb000, "c.bin"],
    ]);
    expect(() => describeFiles(files)).toThrow("overlaps");
  });

  it("that would write over a device's configuration is refused", () => {
    const files = withFiles({ "cfg.bin": new Uint8Array(0x1000) }, [...USUAL, [0x310000, "cfg.bin"]]);
    expect(() => describeFiles(files)).toThrow('would overwrite the configuration partition "cfg"');
  });

  it("whose boot_app0 lies inside its NVS partition is refused", () => {
    const table = writePartitionTable(
      parsePartitionCsv(
        PARTITIONS.replace(/otadata.*\n/, "")
          .replace("0x5000", "0x7000")
          .replace(/ota_1.*\n/, ""),
      ),
    );
    const files = withFiles({ "partition-table.bin": table, "boot_app0.bin": new Uint8Array(0x2000) }, [
      ...USUAL,
      [0xe000, "boot_app0.bin"],
    ]);
    expect(() => describeFiles(files)).toThrow(
      'boot_app0.bin (0xe000–0x10000) lies inside the partition "nvs"',
    );
  });

  it("without the class's configuration partition, or with another size, is refused with what to add", () => {
    const config = { label: "settings", size: 0x6000 };
    expect(() => describeFiles(soundFirmware(), { ...EXPECTED, config })).toThrow(
      "add `settings,data,nvs,,0x6000,readonly`",
    );
    expect(() =>
      describeFiles(soundFirmware(), { ...EXPECTED, config: { label: "cfg", size: 0x4000 } }),
    ).toThrow("they have to be equal");
  });

  it("without partition table or application is refused", () => {
    expect(() => describeFiles(withFiles({}, [[0x10000, "app.bin"]]))).toThrow("no file goes to 0x8000");
    expect(() => describeFiles(withFiles({}, [[0x8000, "partition-table.bin"]]))).toThrow(
      "there is nothing to boot",
    );
  });

  it("with a damaged application or table is refused", () => {
    const files = soundFirmware();
    const app = files["app.bin"]!.slice();
    app[100]! ^= 1;
    expect(() => describeFiles({ ...files, "app.bin": app })).toThrow("app.bin checksum is");
    const table = files["partition-table.bin"]!.slice();
    table[4]! ^= 1;
    expect(() => describeFiles({ ...files, "partition-table.bin": table })).toThrow(
      /partition-table.bin: .*MD5/,
    );
  });

  it("for a smaller flash than its table needs is refused", () => {
    expect(() => describeFiles(soundFirmware(), { ...EXPECTED, flashSize: "2MB" })).toThrow(
      "beyond the flash of 0x200000 bytes",
    );
  });
});
