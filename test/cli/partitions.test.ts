import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../../bin/edgeflock.mjs", import.meta.url));
const CSV =
  "# Name, Type, SubType, Offset, Size, Flags\nnvs,data,nvs,0x9000,0x6000,\ncfg,data,nvs,,24K,readonly\napp,app,factory,,1M,\n";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "edgeflock-partitions-cli-"));
  writeFileSync(join(folder, "table.csv"), CSV);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function edgeflock(args: string[], input?: string | Uint8Array) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, "partitions", ...args], {
    cwd: folder,
    input,
  });
  return { code: status, out: stdout.toString(), bytes: stdout, err: stderr.toString() };
}

describe("edgeflock partitions", () => {
  it("generate and parse are each other's reverse", () => {
    expect(edgeflock(["generate", "table.csv", "table.bin", "--flash-size", "4MB"])).toMatchObject({
      code: 0,
      out: "",
    });
    const parsed = edgeflock(["parse", "table.bin"]).out;
    expect(parsed).toMatch(/^cfg,data,nvs,0xf000,24K,readonly$/m);
    expect(edgeflock(["generate", "-", "-", "-q"], parsed)).toMatchObject({ code: 0, err: "" });
    expect(
      edgeflock(["generate", "-", "-"], parsed).bytes.equals(readFileSync(join(folder, "table.bin"))),
    ).toBe(true);
  });

  it("parse finds the table in a dump of the flash, and prints JSON", () => {
    const table = edgeflock(["generate", "table.csv"]).bytes;
    const dump = Buffer.alloc(0x10000, 0xff);
    table.copy(dump, 0x8000);
    expect(JSON.parse(edgeflock(["parse", "-", "--json"], dump).out)[1]).toEqual({
      name: "cfg",
      type: "data",
      subtype: "nvs",
      offset: 0xf000,
      size: 0x6000,
      flags: ["readonly"],
    });
    expect(edgeflock(["parse", "-"], Buffer.from([0, 1, 2])).err).toMatch(
      /neither a partition table nor its CSV/,
    );
  });

  it("check names what would be overwritten, with exit code 1", () => {
    writeFileSync(join(folder, "boot_app0.bin"), Buffer.alloc(0x2000));
    const found = edgeflock([
      "check",
      "table.csv",
      "--image",
      "0xe000=boot_app0.bin",
      "--flash-size",
      "1MB",
      "--config-partition",
      "nvs",
    ]);
    expect(found).toMatchObject({ code: 1, out: "" });
    expect(found.err).toMatch(
      /boot_app0\.bin \(0xe000–0x10000\) lies inside the partition "nvs" \(0x9000–0xf000\)/,
    );
    expect(found.err).toMatch(/"app" \(0x20000–0x120000\) ends beyond the flash/);
    expect(found.err).toMatch(/configuration image cannot be in "nvs"/);
    expect(
      edgeflock([
        "check",
        "table.csv",
        "--flash-size",
        "4MB",
        "--config-partition",
        "cfg",
        "--config-size",
        "24K",
      ]).code,
    ).toBe(0);
  });

  it("check takes what ESP-IDF's flasher_args.json flashes", () => {
    writeFileSync(join(folder, "app.bin"), Buffer.alloc(0x1000));
    const args = {
      flash_files: { "0x20000": "app.bin", "0xe000": "boot_app0.bin" },
      flash_settings: { flash_size: "4MB" },
    };
    writeFileSync(join(folder, "flasher_args.json"), JSON.stringify(args));
    expect(edgeflock(["check", "table.csv", "--flasher-args", "flasher_args.json"]).err).toMatch(
      /boot_app0\.bin .*lies inside/,
    );
    writeFileSync(
      join(folder, "flasher_args.json"),
      JSON.stringify({ ...args, flash_files: { "0x20000": "app.bin" } }),
    );
    expect(edgeflock(["check", "table.csv", "--flasher-args", "flasher_args.json"]).code).toBe(0);
  });

  it("generate refuses a wrong table unless told not to look", () => {
    const wrong = "a,data,nvs,0x9000,0x1000,\n";
    expect(edgeflock(["generate", "-", "-"], wrong)).toMatchObject({ code: 1, out: "" });
    expect(edgeflock(["generate", "-", "-", "--no-verify"], wrong)).toMatchObject({ code: 0 });
  });

  it("otadata is written for a slot, and read", () => {
    expect(edgeflock(["otadata", "1", "ota.bin"]).code).toBe(0);
    expect(edgeflock(["otadata", "--read", "ota.bin"]).out).toBe(
      "sector 0: sequence 2, undefined\nsector 1: empty or damaged\nboots: ota_1\n",
    );
    expect(edgeflock(["otadata", "16", "ota.bin"])).toMatchObject({ code: 1 });
  });
});
