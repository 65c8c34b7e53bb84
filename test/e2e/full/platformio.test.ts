// PlatformIO itself (PyPI's) reads the project that the esp32 builder writes. Its compilers are not needed for that.
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ESP32_BOARD_NAMES } from "../../../builders/esp32/boards.ts";
import { platformioProject } from "../../../builders/esp32/platformio-project.ts";
import { WorkFolder } from "../../../builders/work-folder.ts";
import { pythonEnvironment } from "../../../toolchain/python.ts";
import { writeFiles } from "../../builders/support.ts";

describe("PlatformIO", () => {
  it.each(ESP32_BOARD_NAMES)("understands the project for %s", async (board) => {
    const folder = await mkdtemp(join(tmpdir(), "edgeflock test-"));
    try {
      const project = platformioProject({
        board,
        platform: "espressif32@6.12.0",
        version: "1.0.0",
        chip: "esp32",
        flashSize: "4MB",
        config: { label: "cfg", size: 0x6000 },
        keys: false,
        sensors: [],
        secrets: {},
        source: join(folder, "a source"),
      });
      await writeFiles(folder, project);
      const { python } = await pythonEnvironment("platformio");
      const words = ["-m", "platformio", "project", "config", "--project-dir", folder, "--json-output"];
      const { stdout, stderr, status } = spawnSync(python, words, {
        encoding: "utf8",
        env: {
          ...process.env,
          PLATFORMIO_CORE_DIR: join(folder, "core"),
          PLATFORMIO_SETTING_ENABLE_TELEMETRY: "no",
        },
      });
      expect([status, stderr]).toEqual([0, ""]);
      const sections = Object.fromEntries(
        (JSON.parse(stdout) as [string, [string, unknown][]][]).map(([name, options]) => [
          name,
          Object.fromEntries(options),
        ]),
      );
      expect(sections.platformio).toMatchObject({
        default_envs: ["edgeflock"],
        src_dir: join(folder, "a source"),
      });
      expect(sections["env:edgeflock"]).toMatchObject({
        platform: "espressif32@6.12.0",
        framework: ["arduino"],
        "board_build.partitions": "partitions.csv",
        build_flags: expect.arrayContaining(["-std=gnu++17", `"-I${join(folder, "a source")}"`]),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("builds with the packages of an image, which nobody may write to", async () => {
    const folder = await mkdtemp(join(tmpdir(), "edgeflock test-"));
    const work = await WorkFolder.create({
      args: { board: "esp32dev", platform: "espressif32@6.12.0", version: "1.2.3" },
      classFacts: { chip: "esp32", flashSize: "4MB", config: { label: "cfg", size: 0x6000 }, sensors: [] },
      secrets: {},
    });
    try {
      const prepared = await writeFiles(join(folder, "prepared"), PREPARED);
      spawnSync("chmod", ["-R", "a-w", prepared]);
      const { python } = await pythonEnvironment("platformio");
      const { status, stdout, stderr } = spawnSync(process.execPath, [BUILD], {
        cwd: work.path,
        encoding: "utf8",
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          EDGEFLOCK_PLATFORMIO: JSON.stringify([python, "-m", "platformio"]),
          EDGEFLOCK_PLATFORMIO_CORE: prepared,
          // a package that is missing would be asked for here
          https_proxy: "http://127.0.0.1:1",
        },
      });
      expect({ status, stdout, stderr }).toMatchObject({ status: 0 });
      expect(await readFile(join(work.output, "firmware.bin"), "utf8")).toBe("made for esp32dev");
      const bom = JSON.parse(await readFile(join(work.output, "sbom.cdx.json"), "utf8"));
      expect(bom.components).toContainEqual(
        expect.objectContaining({ name: "framework-arduinoespressif32", version: "3.20017.241212" }),
      );
    } finally {
      await work.remove();
      spawnSync("chmod", ["-R", "u+w", folder]);
      await rm(folder, { recursive: true, force: true });
    }
  });
});

const BUILD = fileURLToPath(new URL("../../../builders/esp32/build.ts", import.meta.url));

/** As PlatformIO marks what it has installed. */
const installed = (type: string, name: string, version: string, id: number): string =>
  JSON.stringify({
    type,
    name,
    version,
    spec: { owner: "platformio", id, name, requirements: null, uri: null },
  });

/** Packages as `pio pkg install` leaves them, with an SCons that writes what a build would, and compiles nothing. */
const PREPARED = {
  "platforms/espressif32/.piopm": installed("platform", "espressif32", "6.12.0", 8),
  "platforms/espressif32/platform.json": JSON.stringify({
    ...{
      name: "espressif32",
      title: "Espressif 32",
      description: "x",
      version: "6.12.0",
      license: "Apache-2.0",
    },
    repository: { type: "git", url: "https://github.com/platformio/platform-espressif32.git" },
    frameworks: { arduino: { package: "framework-arduinoespressif32", script: "builder/main.py" } },
    packages: {
      "framework-arduinoespressif32": {
        ...{ type: "framework", optional: true, owner: "platformio", version: "~3.20017.0" },
      },
    },
  }),
  "platforms/espressif32/boards/esp32dev.json": JSON.stringify({
    build: { mcu: "esp32", core: "esp32", f_cpu: "240000000L", variant: "esp32" },
    ...{
      frameworks: ["arduino"],
      name: "Espressif ESP32 Dev Module",
      vendor: "Espressif",
      url: "https://x.example",
    },
    upload: { flash_size: "4MB", maximum_ram_size: 327680, maximum_size: 1310720 },
  }),
  "platforms/espressif32/builder/main.py": "",
  "packages/framework-arduinoespressif32/.piopm": installed(
    ...(["tool", "framework-arduinoespressif32", "3.20017.241212", 8070] as const),
  ),
  "packages/framework-arduinoespressif32/package.json": JSON.stringify({
    ...{ name: "framework-arduinoespressif32", version: "3.20017.241212" },
  }),
  "packages/framework-arduinoespressif32/cores/esp32/main.cpp": "",
  "packages/tool-scons/.piopm": installed("tool", "tool-scons", "4.40801.0", 8192),
  "packages/tool-scons/package.json": JSON.stringify({ name: "tool-scons", version: "4.40801.0" }),
  "packages/tool-scons/scons.py": `
import json, os, sys
build = os.path.join(os.getcwd(), "build", "edgeflock")
arduino = os.path.join(os.environ["PLATFORMIO_CORE_DIR"], "packages", "framework-arduinoespressif32")
os.makedirs(build, exist_ok=True)
if "idedata" in sys.argv:
    images = [("0x1000", "bootloader.bin"), ("0x8000", "partitions.bin"), ("0xe000", "boot_app0.bin")]
    json.dump({
        "prog_path": os.path.join(build, "firmware.elf"),
        "includes": {"build": [os.path.join(arduino, "cores", "esp32")]},
        "extra": {
            "flash_images": [{"offset": at, "path": os.path.join(build, name)} for at, name in images],
            "application_offset": "0x10000",
        },
    }, open(os.path.join(build, "idedata.json"), "w"))
else:
    for name in ["bootloader.bin", "partitions.bin", "boot_app0.bin", "firmware.bin"]:
        open(os.path.join(build, name), "w").write("made for esp32dev")
`,
};
