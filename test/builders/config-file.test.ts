// A configuration as a file: made here, taken by the native firmware at its start, moved and erased.
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAppImage } from "../../builders/app-image.ts";
import { unpackArchive } from "../../builders/artifact-archive.ts";
import { buildFirmware } from "../../builders/build-firmware.ts";
import { configFile, readConfigFile } from "../../builders/config-file.ts";
import type { BuiltFirmware } from "../../builders/contract.ts";
import { hostExecutable } from "../../builders/native/host-executable.ts";
import { decodeNvs } from "../../builders/nvs/decode.ts";
import type { NvsEntry } from "../../builders/nvs/generate.ts";

const SIZE = 0x6000;
const entries = (device: string): NvsEntry[] => [
  { namespace: "edgeflock", key: "device", type: "string", value: device },
  { namespace: "edgeflock", key: "class", type: "string", value: "node" },
  { namespace: "edgeflock", key: "config", type: "string", value: "0123456789abcdef" },
  { namespace: "edgeflock", key: "gen", type: "u32", value: 4 },
  { namespace: "wifi", key: "password", type: "string", value: 'comma, "quote"\nand line' },
  { namespace: "big", key: "i", type: "i64", value: -(2n ** 63n) },
  { namespace: "big", key: "b", type: "blob", value: new Uint8Array([0, 255, 10, 13]) },
];

describe("a configuration file", () => {
  it("is read to the CSV that it was made of, and fills its partition", () => {
    const image = configFile(entries("fern-01"), SIZE);
    expect(image).toHaveLength(SIZE);
    expect(readConfigFile(image)).toContain("device,data,string,fern-01\n");
    expect(readConfigFile(new Uint8Array(SIZE))).toBeUndefined();
    image[40]! ^= 1;
    expect(() => readConfigFile(image)).toThrow("damaged");
  });

  it("is refused where its partition or the firmware's own NVS has no room for it", () => {
    const long = (count: number): NvsEntry[] =>
      Array.from({ length: count }, (_, at) => ({
        namespace: "a",
        key: `k${at}`,
        type: "string",
        value: "x".repeat(1000),
      }));
    expect(() => configFile(long(5), 0x1000)).toThrow(/has \d+ bytes, its partition 4096/);
    expect(() => configFile(long(20), 0x8000)).toThrow(/cannot be moved to the firmware's own NVS/);
  });
});

describe("the native firmware of a class whose configuration is a file", () => {
  let folder = "";
  let built: BuiltFirmware;
  let program = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
    built = await buildFirmware({
      builder: { name: "native" },
      chip: "esp32",
      config: { label: "cfg", size: SIZE, format: "file" },
      projectFolder: folder,
    });
    program = join(folder, "firmware");
    const image = unpackArchive(built.archive).get("firmware.bin")!;
    await writeFile(program, hostExecutable(parseAppImage(image)), { mode: 0o755 });
  }, 600_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function flash(config?: Uint8Array): Promise<string> {
    const bytes = Buffer.alloc(4 * 1024 * 1024, 0xff);
    const contents = unpackArchive(built.archive);
    for (const { offset, path } of built.artifact.files) bytes.set(contents.get(path)!, offset);
    if (config) bytes.set(config, built.artifact.config.offset);
    const path = join(folder, "flash.bin");
    await writeFile(path, bytes);
    return path;
  }
  const start = (path: string, ...more: string[]) =>
    JSON.parse(
      spawnSync(program, ["--flash", path, "--once", "--json", ...more], { encoding: "utf8" }).stdout,
    );
  async function put(path: string, config: Uint8Array): Promise<void> {
    const bytes = await readFile(path);
    bytes.set(config, built.artifact.config.offset);
    await writeFile(path, bytes);
  }
  async function area(path: string): Promise<Buffer> {
    const { offset, size } = built.artifact.config;
    return (await readFile(path)).subarray(offset, offset + size);
  }

  it("moves it to its NVS, byte for byte, and leaves nothing of it", async () => {
    const path = await flash(configFile(entries("fern-01"), SIZE));
    expect(start(path)).toMatchObject({
      device: "fern-01",
      class: "node",
      generation: 4,
      boot: 1,
      problems: [],
    });
    expect((await area(path)).every((byte) => byte === 0xff)).toBe(true);
    const { entries: moved, problems } = decodeNvs((await readFile(path)).subarray(0x9000, 0xe000));
    expect(problems).toEqual([]);
    expect(moved).toEqual(
      expect.arrayContaining(entries("fern-01").map((entry) => expect.objectContaining(entry))),
    );
    expect(start(path)).toMatchObject({ device: "fern-01", boot: 2, problems: [] });
  });

  it("takes another in its place, and forgets the first", async () => {
    const path = await flash(configFile(entries("fern-01"), SIZE));
    start(path);
    await put(path, configFile(entries("fern-02").slice(0, 4), SIZE));
    const { device, entries: keys, boot } = start(path);
    expect({ device, boot, keys: keys.length }).toEqual({ device: "fern-02", boot: 2, keys: 4 });
  });

  it("without one says so, and keeps what it has where one is damaged", async () => {
    const path = await flash();
    const { status, stdout } = spawnSync(program, ["--flash", path, "--once"], { encoding: "utf8" });
    expect(status).toBe(3);
    expect(stdout).toContain('no configuration in "cfg"');
    const damaged = configFile(entries("fern-01"), SIZE);
    damaged[100]! ^= 1;
    await put(path, damaged);
    expect(start(path).problems).toEqual(["the configuration file is damaged: flash it again"]);
    await put(path, configFile(entries("fern-01"), SIZE));
    start(path);
    await put(path, damaged);
    const problems = ["the configuration file is damaged: flash it again"];
    for (const _ of [1, 2]) expect(start(path)).toMatchObject({ device: "fern-01", problems });
    expect((await area(path)).equals(damaged)).toBe(true);
  });
});
