// Run while the image of the builder "esp32" is made: lets PlatformIO fetch what the projects of all boards need, so that
// builds need no network. The platform alone brings neither framework nor compilers. Starts PlatformIO; uses the network.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ESP32_BOARD_NAMES, ESP32_BOARDS } from "./boards.ts";
import { platformioProject } from "./platformio-project.ts";

const [, , platform = ""] = process.argv;

for (const board of platform === "" ? [] : ESP32_BOARD_NAMES) {
  const folder = mkdtempSync(join(tmpdir(), "edgeflock-prepare-"));
  const files = platformioProject({
    ...{ board, platform, version: "0", chip: ESP32_BOARDS[board].chip, flashSize: "4MB" },
    ...{ config: { label: "cfg", size: 0x6000 }, keys: false, sensors: [], secrets: {}, source: folder },
  });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  execFileSync("pio", ["pkg", "install", "--project-dir", folder], { stdio: "inherit" });
  rmSync(folder, { recursive: true });
}
