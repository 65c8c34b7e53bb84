// PlatformIO itself (PyPI's) reads the project that the esp32 builder writes. Its compilers are not needed for that.
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ESP32_BOARD_NAMES } from "../../../builders/esp32/boards.ts";
import { platformioProject } from "../../../builders/esp32/platformio-project.ts";
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
});
