import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAppImage } from "../../../builders/app-image.ts";
import { unpackArchive } from "../../../builders/artifact-archive.ts";
import { buildFirmware } from "../../../builders/build-firmware.ts";
import type { BuiltFirmware } from "../../../builders/contract.ts";
import { hostExecutable } from "../../../builders/native/host-executable.ts";
import { decodeNvs } from "../../../builders/nvs/decode.ts";
import { generateNvs } from "../../../builders/nvs/generate.ts";
import {
  checkPartitionTable,
  otaPartitions,
  warnAboutPartitionTable,
} from "../../../builders/partitions/index.ts";
import { cacheFolder } from "../../../toolchain/cache-folder.ts";
import { esptoolCommand } from "../../../toolchain/python.ts";
import { MBEDTLS } from "../../../toolchain/versions.ts";

const REQUEST = { builder: { name: "native" }, chip: "esp32", config: { label: "cfg", size: 0x6000 } };
const FLASH_SIZE = 4 * 1024 * 1024;

let folder = "";
let built: BuiltFirmware;
let files: Map<string, Uint8Array>;
let firmware = "";

async function buildWithCache(name: string): Promise<BuiltFirmware> {
  const before = process.env.EDGEFLOCK_CACHE;
  const shared = join(cacheFolder(), "mbedtls");
  await mkdir(shared, { recursive: true });
  process.env.EDGEFLOCK_CACHE = join(folder, name);
  await mkdir(join(folder, name));
  // compiled once for all; the firmware itself is built anew
  await symlink(shared, join(folder, name, "mbedtls"));
  try {
    return await buildFirmware({ ...REQUEST, projectFolder: folder });
  } finally {
    if (before === undefined) delete process.env.EDGEFLOCK_CACHE;
    else process.env.EDGEFLOCK_CACHE = before;
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
  built = await buildWithCache("cache-1");
  files = unpackArchive(built.archive);
  firmware = join(folder, "firmware");
  await writeFile(firmware, hostExecutable(parseAppImage(files.get("firmware.bin")!)));
  await chmod(firmware, 0o755);
}, 300_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A board's flash with the firmware, and the given configuration image. */
async function flashWith(config?: Uint8Array): Promise<string> {
  const flash = Buffer.alloc(FLASH_SIZE, 0xff);
  for (const { offset, path } of built.artifact.files) flash.set(files.get(path)!, offset);
  if (config) flash.set(config, built.artifact.config.offset);
  const path = join(folder, `flash-${Math.random()}.bin`);
  await writeFile(path, flash);
  return path;
}
const boot = (flash: string, ...options: string[]) => {
  const { status, stdout, stderr } = spawnSync(firmware, ["--flash", flash, "--once", ...options], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
};
const CONFIG = generateNvs(
  [
    { namespace: "edgeflock", key: "device", type: "string", value: "cam-001" },
    { namespace: "edgeflock", key: "class", type: "string", value: "esp32-cam" },
    { namespace: "edgeflock", key: "config", type: "string", value: "3f2a" },
    { namespace: "edgeflock", key: "gen", type: "u32", value: 2 },
    { namespace: "wifi", key: "password", type: "string", value: "hunter2" },
    { namespace: "big", key: "i", type: "i64", value: -(2n ** 63n) },
  ],
  { size: 0x6000 },
);

describe("the native builder", () => {
  it("makes an artefact with partition table, otadata and application", () => {
    expect(built.artifact.files.map(({ offset, path }) => [offset, path])).toEqual([
      [0x8000, "partition-table.bin"],
      [0xe000, "ota_data_initial.bin"],
      [0x10000, "firmware.bin"],
    ]);
    expect(built.artifact.version).toMatch(/^0\.1\.0\+[0-9a-f]{8}$/);
    expect(built.artifact.config).toEqual({ label: "cfg", offset: 0x3d0000, size: 0x6000 });
    expect(files.get("firmware.bin")!.length).toBeLessThan(1.5 * 1024 * 1024);
  });

  it("gives the same bytes each time", async () => {
    const again = await buildWithCache("cache-2");
    expect(again.built).toBe(true);
    expect(again.contentHash).toBe(built.contentHash);
    expect(again.artifact.digest).toBe(built.artifact.digest);
  }, 300_000);

  it("lists Mbed TLS and the C++ library in its bill of materials, with version and what they were taken from", () => {
    const bom = JSON.parse(Buffer.from(files.get("sbom.cdx.json")!).toString());
    expect(bom.components).toContainEqual({
      "bom-ref": `pkg:github/mbed-tls/mbedtls@v${MBEDTLS}`,
      ...{
        type: "library",
        name: "mbedtls",
        version: MBEDTLS,
        purl: `pkg:github/mbed-tls/mbedtls@v${MBEDTLS}`,
      },
      externalReferences: [
        {
          ...{ type: "source-distribution", url: expect.stringMatching(/^pkg:pypi\/pynng@[0-9.]+$/) },
          hashes: [{ alg: "SHA-256", content: expect.stringMatching(/^[0-9a-f]{64}$/) }],
        },
      ],
    });
    expect(bom.components.at(-1)).toMatchObject({ name: expect.stringMatching(/^lib(stdc)?c?\+\+$/) });
    expect(bom.metadata.component.version).toBe(built.artifact.version);
  });

  it("makes an application image that Espressif's esptool accepts", async () => {
    const image = join(folder, "firmware.bin");
    await writeFile(image, files.get("firmware.bin")!);
    const [program, ...args] = await esptoolCommand();
    const info = execFileSync(program!, [...args, "image-info", image], { encoding: "utf8" });
    expect(info).toContain("Chip ID: 0 (ESP32)");
    expect(info).toMatch(/Checksum: 0x[0-9a-f]{2} \(valid\)/);
    expect(info).toMatch(/Validation hash: [0-9a-f]{64} \(valid\)/);
    expect(info).toContain("Project name: edgeflock-native");
    expect(info).toContain(`App version: ${built.artifact.version}`);
  }, 120_000);

  it("contains no path of this machine", () => {
    expect(Buffer.from(files.get("firmware.bin")!).includes(folder)).toBe(false);
    expect(Buffer.from(files.get("firmware.bin")!).includes("input/source")).toBe(false);
  });

  it("has a sound partition table for every size of configuration and flash", () => {
    for (const flashSize of ["4MB", "8MB", "16MB"]) {
      for (const size of [0x3000, 0x6000, 0x30000, 0x31000, 0x80000]) {
        const config = { label: "cfg", size };
        const table = otaPartitions(flashSize, config);
        const options = { flashSize: Number.parseInt(flashSize, 10) * 1024 * 1024, configPartition: config };
        expect(checkPartitionTable(table, options)).toEqual([]);
        expect(warnAboutPartitionTable(table, options)).toEqual([]);
      }
    }
    expect(() => otaPartitions("2MB", REQUEST.config)).toThrow("has no room");
  });
});

describe("the native firmware on a flash", () => {
  it("tells who it is and what it was given, but no values", async () => {
    const { status, stdout } = boot(await flashWith(CONFIG));
    expect(status).toBe(0);
    expect(stdout).toBe(
      [
        `edgeflock: firmware ${built.artifact.version} for esp32, start 1`,
        `edgeflock: device cam-001, class esp32-cam, firmware ${built.artifact.version}, config 3f2a, generation 2`,
        "edgeflock:   edgeflock/device (string)",
        "edgeflock:   edgeflock/class (string)",
        "edgeflock:   edgeflock/config (string)",
        "edgeflock:   edgeflock/gen (u32)",
        "edgeflock:   wifi/password (string)",
        "edgeflock:   big/i (i64)",
        "",
      ].join("\n"),
    );
  });

  it("tells values when asked, and JSON in one line", async () => {
    const flash = await flashWith(CONFIG);
    expect(boot(flash, "--show-values").stdout).toContain("wifi/password (string) = hunter2");
    const plain = boot(flash, "--json").stdout;
    expect(plain).not.toContain("hunter2");
    expect(JSON.parse(plain)).toMatchObject({
      device: "cam-001",
      class: "esp32-cam",
      config: "3f2a",
      generation: 2,
    });
    const shown = JSON.parse(boot(flash, "--json", "--show-values").stdout);
    expect(shown.partition).toEqual({ label: "cfg", offset: 0x3d0000, size: 0x6000 });
    expect(shown.entries.at(-1)).toEqual({
      namespace: "big",
      key: "i",
      type: "i64",
      value: "-9223372036854775808",
    });
    expect(shown.problems).toEqual([]);
  });

  it("without a configuration says so", async () => {
    const { status, stdout } = boot(await flashWith());
    expect(status).toBe(3);
    expect(stdout).toContain('no configuration in "cfg" at 0x3d0000; waiting for one to be flashed');
  });

  it("stays until it is stopped, unless told otherwise", async () => {
    const child = spawn(firmware, ["--flash", await flashWith(CONFIG)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    expect(child.exitCode).toBeNull();
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });

  it("skips what is damaged in its configuration, and reports it without values", async () => {
    const config = CONFIG.slice();
    config[64 + 32 * 2]! ^= 0xff; // the value of "device", after its header and the namespace
    const { status, stdout } = boot(await flashWith(config));
    expect(status).toBe(3);
    expect(stdout).toContain(
      'configuration damaged: page 0, entry 1, key "device", has data with a wrong checksum',
    );
  });

  it("refuses a flash without a partition table, or with a damaged one", async () => {
    const blank = join(folder, "blank.bin");
    await writeFile(blank, Buffer.alloc(FLASH_SIZE, 0xff));
    expect(boot(blank)).toMatchObject({
      status: 4,
      stdout: expect.stringContaining("no partition table at 0x8000"),
    });
    const damaged = await flashWith(CONFIG);
    const bytes = await readFile(damaged);
    bytes[0x8004]! ^= 1;
    await writeFile(damaged, bytes);
    expect(boot(damaged)).toMatchObject({ status: 4, stdout: expect.stringContaining("MD5 does not match") });
    await writeFile(blank, "short");
    expect(boot(blank)).toMatchObject({ status: 4, stderr: expect.stringContaining("not a flash image") });
    expect(boot(join(folder, "gone"))).toMatchObject({
      status: 4,
      stderr: expect.stringContaining("No such file"),
    });
  });

  it("says how it is used", () => {
    expect(spawnSync(firmware, ["--help"], { encoding: "utf8" }).stdout).toContain("--show-values");
    expect(spawnSync(firmware, ["--flahs"], { encoding: "utf8" })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("unknown option --flahs"),
    });
    expect(spawnSync(firmware, [], { encoding: "utf8" }).status).toBe(2);
  });

  it("counts its starts in the runtime partition, over page turnovers, as the NVS library would", async () => {
    const flash = await flashWith(CONFIG);
    const before = await readFile(flash);
    for (let start = 1; start <= 700; start++) {
      expect(JSON.parse(boot(flash, "--json").stdout).boot).toBe(start);
    }
    const after = await readFile(flash);
    const { entries, problems } = decodeNvs(after.subarray(0x9000, 0xe000));
    expect(problems).toEqual([]);
    expect(entries).toMatchObject([{ namespace: "edgeflock", key: "boots", type: "u32", value: 700 }]);
    after.fill(0, 0x9000, 0xe000);
    before.fill(0, 0x9000, 0xe000);
    expect(after.equals(before)).toBe(true);
  }, 120_000);

  it("starts its runtime partition anew where that holds something else", async () => {
    const flash = await flashWith(CONFIG);
    const bytes = await readFile(flash);
    for (let at = 0x9000; at < 0xe000; at++) bytes[at] = (at * 7) & 0xff;
    await writeFile(flash, bytes);
    expect(JSON.parse(boot(flash, "--json").stdout).boot).toBe(1);
    expect(JSON.parse(boot(flash, "--json").stdout).boot).toBe(2);
  });
});
