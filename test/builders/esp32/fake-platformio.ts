// A `pio` that lays out what PlatformIO lays out (espressif32 6.x, Arduino), recorded: folders, file names and the
// form of idedata.json. It compiles nothing; what it does not understand it refuses. Of a partition table it refuses what
// the gen_esp32part.py of ESP-IDF 4.4 and earlier refuses (SUBTYPES and FLAGS there), whatever Edgeflock's parser knows.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const root = new URL("../../../", import.meta.url);
const module = (path: string): string => JSON.stringify(new URL(path, root).href);

/** @param behaviour source text that runs when `pio run` builds; may use `fail(text)`, `table`, `chip` and `size` */
export async function fakePlatformio(folder: string, behaviour = ""): Promise<string> {
  const bin = join(folder, "pio bin");
  await mkdir(bin, { recursive: true });
  const text = `#!${process.execPath}
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildAppImage } from ${module("builders/app-image.ts")};
import { otadata, parsePartitionCsv, writePartitionTable } from ${module("builders/partitions/index.ts")};

const args = process.argv.slice(2);
if (args[0] === "--version") {
  console.log("PlatformIO Core, version 6.1.18");
  process.exit(0);
}
const fail = (text) => {
  console.error(text);
  process.exit(1);
};
const project = args[args.indexOf("--project-dir") + 1];
if (args[0] !== "run" || !args.includes("--project-dir")) fail("unknown: " + args.join(" "));
const ini = readFileSync(join(project, "platformio.ini"), "utf8");
appendFileSync(${JSON.stringify(join(folder, "calls"))}, JSON.stringify({ args: args.slice(3), ini }) + "\\n");
const build = join(project, "build", "edgeflock");
const arduino = join(project, "..", "packages", "framework-arduinoespressif32");
const framework = join(arduino, "tools", "partitions");
const sdk = join(arduino, "tools", "sdk", "esp32");
const mbedtls = join(sdk, "include", "mbedtls", "mbedtls", "include");
const lay = (path, text) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};
lay(join(arduino, "package.json"), '{"name":"framework-arduinoespressif32","version":"3.20017.241212+sha.dcc1105b"}');
lay(join(arduino, "libraries/WiFi/library.properties"), "name=WiFi\\nversion=2.0.0\\nauthor=Hristo Gochkov\\n");
lay(join(mbedtls, "mbedtls/version.h"), '#define MBEDTLS_VERSION_STRING         "2.28.7"\\n');
for (const part of ["mbedtls", "mbedcrypto", "mbedx509"]) lay(join(sdk, "lib", "lib" + part + ".a"), part);
mkdirSync(build, { recursive: true });
mkdirSync(framework, { recursive: true });
if (args.includes("idedata")) {
  writeFileSync(join(build, "idedata.json"), JSON.stringify({
    build_type: "release",
    env_name: "edgeflock",
    libsource_dirs: [],
    defines: ["PLATFORMIO=60118", "ARDUINO_ESP32_DEV", "ESP32"],
    includes: {
      build: [
        join(project, "include"),
        join(arduino, "libraries", "WiFi", "src"),
        join(sdk, "include", "freertos", "include"),
        mbedtls,
        join(arduino, "cores", "esp32"),
      ],
      compatlib: [],
      toolchain: [],
    },
    cc_flags: [],
    cxx_flags: ["-std=gnu++17"],
    cc_path: "/root/.platformio/packages/toolchain-xtensa-esp32/bin/xtensa-esp32-elf-gcc",
    prog_path: join(build, "firmware.elf"),
    svd_path: null,
    compiler_type: "gcc",
    targets: [],
    extra: {
      flash_images: [
        { offset: "0x1000", path: join(build, "bootloader.bin") },
        { offset: "0x8000", path: join(build, "partitions.bin") },
        { offset: "0xe000", path: join(framework, "boot_app0.bin") },
      ],
      application_offset: "0x10000",
    },
  }));
  process.exit(0);
}
let table = readFileSync(join(project, "partitions.csv"), "utf8");
let chip = "esp32";
let size = 256;
console.log("Processing edgeflock (platform: espressif32@6.12.0; board: esp32dev; framework: arduino)");
${behaviour}
const words = {
  app: ["factory", "test", ...Array.from({ length: 16 }, (_, slot) => "ota_" + slot)],
  data: ["ota", "phy", "nvs", "coredump", "esphttpd", "fat", "spiffs"],
};
for (const [at, line] of table.split("\\n").entries()) {
  if (line.trim() === "" || line.startsWith("#")) continue;
  const [, type = "", subtype = "", , , flags = ""] = line.split(",").map((field) => field.trim());
  const refuse = (text) => fail("Error at line " + (at + 1) + ": " + text);
  if (!Object.hasOwn(words, type)) refuse("Value '" + type + "' is not valid.");
  if (!/^(0x[0-9a-f]+|[0-9]+)$/.test(subtype) && !words[type].includes(subtype)) {
    refuse("Value '" + subtype + "' is not valid. Known keywords: " + words[type].join(", "));
  }
  for (const flag of flags.split(":")) {
    if (flag !== "" && flag !== "encrypted") refuse("CSV flag column contains unknown flag '" + flag + "'");
  }
}
const header = readFileSync(join(project, "include", "edgeflock_build.h"), "utf8");
const version = /EDGEFLOCK_VERSION "([^"]*)"/.exec(header)[1];
const descriptor = { secureVersion: 0, version, projectName: "arduino-lib-builder", time: "", date: "",
  idfVersion: "v4.4.7", executableSha256: new Uint8Array(32) };
const segments = [{ address: 0x40080000, data: new Uint8Array(size) }];
writeFileSync(join(build, "firmware.elf"), "ELF");
writeFileSync(join(build, "firmware.bin"), buildAppImage({ chip, descriptor, segments }));
writeFileSync(join(build, "bootloader.bin"), buildAppImage({ chip, segments }));
writeFileSync(join(build, "partitions.bin"), writePartitionTable(parsePartitionCsv(table)));
writeFileSync(join(framework, "boot_app0.bin"), otadata(0));
console.log("Successfully created esp32 image.");
`;
  await writeFile(join(bin, "pio"), text, { mode: 0o755 });
  return bin;
}
