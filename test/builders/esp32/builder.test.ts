import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unpackArchive } from "../../../builders/artifact-archive.ts";
import { buildFirmware, planFirmware } from "../../../builders/build-firmware.ts";
import type { FirmwareRequest } from "../../../builders/contract.ts";
import { imagesOf } from "../../../builders/esp32/idedata.ts";
import { platformioProject } from "../../../builders/esp32/platformio-project.ts";
import {
  checkPartitionTable,
  parsePartitionCsv,
  readPartitionTable,
} from "../../../builders/partitions/index.ts";
import { SBOM } from "../../../builders/sbom.ts";
import { temporaryCache } from "../support.ts";
import { fakePlatformio } from "./fake-platformio.ts";

const place = temporaryCache();
let path: string | undefined;
beforeEach(() => {
  path = process.env.PATH;
});
afterEach(() => {
  process.env.PATH = path;
});

const request = (
  args: Record<string, string> = {},
  changes: Partial<FirmwareRequest> = {},
): FirmwareRequest => ({
  builder: { name: "esp32", args: { board: "esp32dev", ...args } },
  chip: "esp32",
  config: { label: "cfg", size: 0x6000 },
  projectFolder: place.folder,
  ...changes,
});

async function usePlatformio(behaviour?: string): Promise<void> {
  process.env.PATH = [await fakePlatformio(place.folder, behaviour), path].join(delimiter);
}
const calls = async () =>
  (await readFile(join(place.folder, "calls"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { args: string[]; ini: string });

describe("the esp32 builder", () => {
  it("makes an artefact of what PlatformIO lays out, with two OTA slots, NVS, otadata and the configuration", async () => {
    await usePlatformio();
    const { artifact, archive } = await buildFirmware(request({ version: "1.2.3" }));
    expect(artifact).toMatchObject({
      chip: "esp32",
      version: "1.2.3",
      config: { offset: 0x3d0000, size: 0x6000 },
    });
    expect(artifact.files.map(({ offset, path: file }) => [offset, file])).toEqual([
      [0x1000, "bootloader.bin"],
      [0x8000, "partitions.bin"],
      [0xe000, "boot_app0.bin"],
      [0x10000, "firmware.bin"],
    ]);
    const table = readPartitionTable(unpackArchive(archive).get("partitions.bin")!);
    expect(table.map(({ name }) => name)).toEqual(["nvs", "otadata", "ota_0", "ota_1", "cfg"]);
    const [build, idedata] = await calls();
    expect(build!.args).toEqual([]);
    expect(idedata!.args).toEqual(["--target", "idedata", "--silent"]);
    expect(build!.ini).toContain("platform = espressif32@6.12.0\n");
  });

  it("writes partition tables that ESP-IDF 4.4 reads, whatever kind of configuration they are for", async () => {
    await usePlatformio();
    const tableOf = async (changes: Partial<FirmwareRequest>) => {
      const { archive } = await buildFirmware(request({}, changes));
      return readPartitionTable(unpackArchive(archive).get("partitions.bin")!);
    };
    const file = await tableOf({ config: { label: "cfg", size: 0x6000, format: "file" } });
    expect(file.at(-1)).toMatchObject({ name: "cfg", type: 1, subtype: 6, flags: 0 });
    const encrypted = await tableOf({ encryption: { scheme: "flash", flashEncryption: true } });
    expect(encrypted[1]).toMatchObject({ name: "nvs_keys", type: 1, subtype: 4, flags: 1 });
    expect(encrypted.at(-1)).toMatchObject({ name: "cfg", type: 1, subtype: 2, flags: 0 });
  });

  it("lists the framework, its libraries, ESP-IDF and Mbed TLS in the bill of materials", async () => {
    await usePlatformio();
    const { archive } = await buildFirmware(request({ version: "1.2.3" }));
    const bom = JSON.parse(Buffer.from(unpackArchive(archive).get(SBOM)!).toString());
    expect(bom.metadata.component).toMatchObject({ name: "edgeflock", version: "1.2.3" });
    const libraries = bom.components.filter(({ type }: { type: string }) => type === "library");
    expect(libraries.map((one: { name: string; version: string }) => [one.name, one.version])).toEqual([
      ["WiFi", "2.0.0"],
      ["esp-idf", "4.4.7"],
      ["framework-arduinoespressif32", "3.20017.241212+sha.dcc1105b"],
      ["mbedtls", "2.28.7"],
    ]);
    const digest = createHash("sha256").update("mbedcrypto").digest("hex");
    expect(libraries[3].components[0]).toEqual({
      ...{ type: "file", name: "libmbedcrypto.a", hashes: [{ alg: "SHA-256", content: digest }] },
    });
  });

  it("tells PlatformIO the board, the class's sensors and its secrets", async () => {
    await usePlatformio(`
      const secrets = readFileSync(join(project, "include", "edgeflock_secrets.h"), "utf8");
      console.log("secrets:", secrets.split("\\n")[2]);
      console.log("ini:", /board = .*/.exec(ini)[0], /build_src_filter = .*/.exec(ini)[0]);
      console.log("sensors:", /SENSORS.*/.exec(readFileSync(join(project, "include", "edgeflock_build.h"), "utf8"))[0]);
      fail("enough");`);
    const asked = request(
      { board: "sim7600" },
      {
        sensors: [{ name: "position", driver: "gnss" }],
        secrets: { "provision.ssid": "north-hall-wifi" },
      },
    );
    const error = (await buildFirmware(asked, { secretKey: "fleet" }).catch(
      (caught: unknown) => caught,
    )) as Error;
    expect(error.message).toContain(`X("provision.ssid", "•••")`);
    expect(error.message).not.toContain("north-hall-wifi");
    expect(error.message).toMatch(/board = esp-wrover-kit build_src_filter = .*\+<boards\/sim7600\/>/);
    expect(error.message).toContain('X("position", gnss, "")');
  });

  it("makes room for the keys of an encrypted configuration", () => {
    const files = platformioProject({
      board: "esp32-cam",
      platform: "espressif32@6.12.0",
      version: "1",
      chip: "esp32",
      flashSize: "4MB",
      config: { label: "cfg", size: 0x6000 },
      keys: true,
      sensors: [],
      secrets: {},
      source: "/a folder/source",
    });
    const table = parsePartitionCsv(files["partitions.csv"]!);
    expect(table.map(({ name }) => name)).toEqual(["nvs", "nvs_keys", "otadata", "ota_0", "ota_1", "cfg"]);
    expect(checkPartitionTable(table, { flashSize: 4 * 2 ** 20, configPartition: { label: "cfg" } })).toEqual(
      [],
    );
    expect(files["platformio.ini"]).toContain('"-I/a folder/source"');
    expect(Object.keys(files)).not.toContain("include/edgeflock_secrets.h");
  });

  it("refuses a boot_app0 that lies inside NVS, as its predecessor flashed one", async () => {
    await usePlatformio(`table = [
      "nvs, data, nvs, 0x9000, 0x6000,",
      "app0, app, ota_0, 0x10000, 0x1E0000,",
      "cfg, data, nvs, 0x3d0000, 0x6000,"].join("\\n");`);
    await expect(buildFirmware(request())).rejects.toThrow(
      /boot_app0\.bin \(0xe000–0x10000\) lies inside the partition "nvs" \(0x9000–0xf000\)/,
    );
  });

  it("refuses an image for another chip", async () => {
    await usePlatformio('chip = "esp32s3";');
    await expect(buildFirmware(request())).rejects.toThrow(/firmware\.bin is for esp32s3, not for esp32/);
  });

  it("refuses partitions that exceed the flash", async () => {
    await usePlatformio('table = table.replace("0x3d0000", "0x3fc000");');
    await expect(buildFirmware(request())).rejects.toThrow(
      /"cfg" \(0x3fc000–0x402000\).*(beyond|exceeds|flash)/,
    );
  });

  it("refuses a program that is larger than its slot", async () => {
    await usePlatformio(
      'table = table.replace("0x10000, 0x1e0000", "0x10000, 0x10000").replace("0x1f0000, 0x1e0000", "0x1f0000, 0x10000");\nsize = 0x20000;',
    );
    await expect(buildFirmware(request())).rejects.toThrow(
      /firmware\.bin .* more than its partition "ota_0"/,
    );
  });

  it("shows the compiler's last 40 lines, and where the whole log is", async () => {
    await usePlatformio(
      'for (let line = 1; line <= 60; line++) console.error("main.cpp:" + line + ": error: nonsense");\nfail("*** [build/src/main.cpp.o] Error 1");',
    );
    const error = (await buildFirmware(request()).catch((caught: unknown) => caught)) as Error;
    expect(error.message).toContain("Error 1");
    expect(error.message).toContain("main.cpp:60: error");
    expect(error.message).not.toContain("main.cpp:10: error");
    const log = /The whole log: (.*)$/m.exec(error.message)![1]!;
    expect(await readFile(log, "utf8")).toContain("main.cpp:10: error");
  });

  it("names boards, chip and sensors that do not go together before anything runs", async () => {
    await usePlatformio();
    await expect(planFirmware(request({ board: "esp32cam" }))).rejects.toThrow(
      /args\.board: .*"esp32dev"\|"esp32-cam"\|"sim7600"/,
    );
    await expect(planFirmware(request({}, { chip: "esp32c3" }))).rejects.toThrow(
      "the board esp32dev has an esp32, but the class says esp32c3",
    );
    const sensors = [{ name: "position", driver: "gnss" }];
    await expect(planFirmware(request({}, { sensors }))).rejects.toThrow('"gnss" needs the board sim7600');
    await expect(planFirmware(request({ platform: "espressif32" }))).rejects.toThrow(
      "with its exact version",
    );
    await expect(planFirmware(request({}, { flashSize: "2MB" }))).rejects.toThrow("has no room");
  });

  it("counts PlatformIO's version and the platform's among what a build depends on", async () => {
    await usePlatformio();
    const { hash, parts } = await planFirmware(request());
    expect(parts.toolchain).toBe("platformio 6.1.18; espressif32@6.12.0");
    expect((await planFirmware(request({ platform: "espressif32@6.11.0" }))).hash).not.toBe(hash);
  });

  it("says when PlatformIO tells nothing of use", () => {
    for (const text of ["", "{}", '{"prog_path":"a","extra":{"flash_images":[]}}']) {
      expect(() => imagesOf(text)).toThrow("does not tell what is flashed where");
    }
  });
});
