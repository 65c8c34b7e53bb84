// Builds real firmware for a real chip: runs where there is a Rust for RISC-V (docs/builders.md), minutes long.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAppImage } from "../../../builders/app-image.ts";
import { unpackArchive } from "../../../builders/artifact-archive.ts";
import { buildFirmware } from "../../../builders/build-firmware.ts";
import type { BuiltFirmware, FirmwareRequest } from "../../../builders/contract.ts";
import { generateNvs } from "../../../builders/nvs/generate.ts";
import { readPartitionTable } from "../../../builders/partitions/index.ts";
import { startVirtualDevice } from "../../../flash/virtual-esp32/start-virtual-device.ts";
import { cacheFolder } from "../../../toolchain/cache-folder.ts";
import { esptoolCommand } from "../../../toolchain/python.ts";
import { findRiscvRust, type RiscvRust } from "../../../toolchain/riscv-rust.ts";
import { writeFiles } from "../../builders/support.ts";

const rust: RiscvRust | undefined = await findRiscvRust().catch(() => undefined);
const REQUEST: FirmwareRequest = {
  builder: { name: "esp-rs" },
  chip: "esp32c3",
  config: { label: "cfg", size: 0x6000 },
  projectFolder: "/",
};
const CRATE = fileURLToPath(new URL("../../../builders/esp-rs/firmware", import.meta.url));

let folder = "";
let built: BuiltFirmware;
let files: Map<string, Uint8Array>;
let esptool: string[] = [];

/** A cache of its own, so that it is built; with the Python programs that the usual one holds. */
async function buildAnew(name: string, request = REQUEST): Promise<BuiltFirmware> {
  const before = process.env.EDGEFLOCK_CACHE;
  const usual = cacheFolder();
  const cache = join(folder, name);
  await mkdir(cache, { recursive: true });
  await symlink(join(usual, "python"), join(cache, "python"));
  process.env.EDGEFLOCK_CACHE = cache;
  try {
    return await buildFirmware(request);
  } finally {
    if (before === undefined) delete process.env.EDGEFLOCK_CACHE;
    else process.env.EDGEFLOCK_CACHE = before;
  }
}

describe.skipIf(rust === undefined)("firmware in Rust for the ESP32-C3", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
    esptool = await esptoolCommand();
    built = await buildAnew("cache-1");
    files = unpackArchive(built.archive);
    for (const [path, bytes] of files) await writeFile(join(folder, path), bytes);
  }, 3_000_000);
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("is an artefact with bootloader, partition table and application", () => {
    expect(built.artifact).toMatchObject({
      chip: "esp32c3",
      version: expect.stringMatching(/^0\.1\.0\+[0-9a-f]{8}$/),
      config: { label: "cfg", offset: 0x3d0000, size: 0x6000 },
    });
    expect(built.artifact.files.map(({ offset, path }) => [offset, path])).toEqual([
      [0x0, "bootloader.bin"],
      [0x8000, "partition-table.bin"],
      [0xe000, "ota_data_initial.bin"],
      [0x10000, "firmware.bin"],
    ]);
    const table = readPartitionTable(files.get("partition-table.bin")!);
    expect(table.map(({ name }) => name)).toEqual(["nvs", "otadata", "ota_0", "ota_1", "cfg"]);
    const { descriptor } = parseAppImage(files.get("firmware.bin")!, { chip: "esp32c3" });
    expect(descriptor).toMatchObject({ projectName: "edgeflock-esp-rs", time: "", date: "" });
  });

  it("lists its crates, and the one that brings the bootloader, with their checksums", () => {
    const { components } = JSON.parse(Buffer.from(files.get("sbom.cdx.json")!).toString());
    for (const name of ["esp-hal", "espflash"]) {
      expect(components).toContainEqual(
        expect.objectContaining({
          ...{ type: "library", name, purl: expect.stringMatching(/^pkg:cargo\//) },
          hashes: [{ alg: "SHA-256", content: expect.stringMatching(/^[0-9a-f]{64}$/) }],
        }),
      );
    }
  });

  it("is accepted by esptool: application and bootloader", () => {
    const info = (file: string): string => {
      const [program, ...args] = esptool;
      const words = [...args, "--chip", "esp32c3", "image-info", join(folder, file)];
      const { stdout, status } = spawnSync(program!, words, { encoding: "utf8" });
      expect(status).toBe(0);
      return stdout;
    };
    const application = info("firmware.bin");
    expect(application).toMatch(/Checksum: 0x[0-9a-f]{2} \(valid\)/);
    expect(application).toMatch(/Validation hash: [0-9a-f]{64} \(valid\)/);
    expect(application).toMatch(/Project name: edgeflock-esp-rs\s+App version: 0\.1\.0\+/);
    const bootloader = info("bootloader.bin");
    expect(bootloader).toMatch(/Flash size: 4MB/);
    expect(bootloader).toMatch(/Validation hash: [0-9a-f]{64} \(valid\)/);
  });

  it("names no folder of this machine", () => {
    const text = Buffer.from(files.get("firmware.bin")!).toString("latin1");
    expect(text).toContain("/cargo/registry/");
    for (const path of [folder, CRATE, process.env.HOME ?? "/root", `${rust!.sysroot}/lib`]) {
      expect(text).not.toContain(path);
    }
  });

  it("is flashed by esptool to a virtual ESP32-C3, which cannot run it and says so", async () => {
    const flash = join(folder, "flash.bin");
    await using device = await startVirtualDevice({ chip: "esp32c3", flash });
    const [program, ...words] = esptool;
    const images = built.artifact.files.flatMap(({ offset, path }) => [`${offset}`, join(folder, path)]);
    const child = spawn(
      program!,
      [...words, "--chip", "esp32c3", "--port", device.url, "write-flash", ...images],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const said = await text(child.stdout);
    expect(said).toContain("Hash of data verified");
    expect(child.exitCode ?? (await once(child, "exit"))[0]).toBe(0);
    await device.waitFor(/"edgeflock-esp-rs" is code for esp32c3, not for this host/);
    const written = await readFile(flash);
    for (const { offset, path, size } of built.artifact.files) {
      expect(written.subarray(offset, offset + size).equals(files.get(path)!)).toBe(true);
    }
  });

  it("gives the same bytes when it is built again", async () => {
    expect((await buildAnew("cache-2")).artifact.digest).toBe(built.artifact.digest);
  }, 3_000_000);

  it("shows what the compiler said of sources that do not compile", async () => {
    const source = await writeFiles(join(folder, "broken"), {
      "Cargo.toml": '[package]\nname = "broken"\nversion = "0.1.0"\nedition = "2024"\n',
      "Cargo.lock": 'version = 4\n\n[[package]]\nname = "broken"\nversion = "0.1.0"\n',
      "src/main.rs": "#![no_std]\n#![no_main]\npub fn broken() -> u32 { nonsense }\n",
    });
    const request = { ...REQUEST, builder: { name: "esp-rs", source } };
    const error = (await buildAnew("cache-3", request).catch((caught: unknown) => caught)) as Error;
    expect(error.message).toMatch(/failed with exit code 1/);
    expect(error.message).toMatch(/cannot find value `nonsense`/);
    expect(error.message).toMatch(/The whole log: .*\.log/);
    expect(await readFile(/The whole log: (.*)$/m.exec(error.message)![1]!, "utf8")).toContain("nonsense");
  }, 3_000_000);
});

describe.skipIf(rust === undefined)("what the firmware in Rust reads", () => {
  it("is the same NVS keys as that of other boards", async () => {
    const place = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
    const config = generateNvs(
      [
        { namespace: "edgeflock", key: "device", type: "string", value: "cam-001" },
        { namespace: "edgeflock", key: "class", type: "string", value: "c3-mini" },
        { namespace: "edgeflock", key: "config", type: "string", value: "3f2a" },
        { namespace: "edgeflock", key: "gen", type: "u32", value: 2 },
        { namespace: "wifi", key: "password", type: "string", value: "hunter2" },
        { namespace: "mqtt", key: "port", type: "u16", value: 8883 },
        { namespace: "big", key: "blob", type: "blob", value: Buffer.alloc(5000, 1) } as never,
      ],
      { size: 0x6000 },
    );
    await writeFile(join(place, "cfg.bin"), config);
    await writeFile(join(place, "empty.bin"), Buffer.alloc(0x6000, 0xff));
    const report = (file: string): string => {
      const { stdout, stderr } = spawnSync(
        rust!.cargo,
        [
          "run",
          "--quiet",
          "--locked",
          "--manifest-path",
          join(CRATE, "Cargo.toml"),
          "--example",
          "report",
          file,
        ],
        {
          encoding: "utf8",
          env: { ...process.env, RUSTC: rust!.rustc, CARGO_TARGET_DIR: join(place, "target") },
        },
      );
      if (stdout === "") throw new Error(stderr);
      return stdout;
    };
    try {
      expect(report(join(place, "cfg.bin")).split("\n")).toEqual([
        "edgeflock: firmware 0.0.0 for host",
        "edgeflock: device cam-001, class c3-mini, firmware 0.0.0, config 3f2a, generation 2",
        "edgeflock:   big/blob (blob)",
        "edgeflock:   edgeflock/class (string)",
        "edgeflock:   edgeflock/config (string)",
        "edgeflock:   edgeflock/device (string)",
        "edgeflock:   edgeflock/gen (u32)",
        "edgeflock:   mqtt/port (u16)",
        "edgeflock:   wifi/password (string)",
        "",
      ]);
      expect(report(join(place, "empty.bin"))).toContain(
        'no configuration in "cfg"; waiting for one to be flashed',
      );
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  }, 600_000);
});
