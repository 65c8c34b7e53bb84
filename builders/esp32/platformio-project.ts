// The PlatformIO project of a build: platformio.ini, the partition table's CSV and the generated headers. Pure.
import type { ConfigPartition, SensorRequest } from "../contract.ts";
import { otaPartitionCsv } from "../partitions/index.ts";
import { ESP32_BOARDS, type Esp32BoardName } from "./boards.ts";
import { BUILD_HEADER, buildHeader, cString } from "./build-header.ts";

/** PlatformIO's platform for the ESP32, with Arduino-ESP32 2.0.17 on ESP-IDF 4.4. */
export const PLATFORM = "espressif32@6.12.0";
export const ENVIRONMENT = "edgeflock";

/** Header with the secrets that the class lets its build read; there only where it lets any. */
export const SECRETS_HEADER = "edgeflock_secrets.h";

export interface PlatformioBuild {
  board: Esp32BoardName;
  /** As PlatformIO names one: `espressif32@6.12.0`. */
  platform: string;
  version: string;
  chip: string;
  flashSize: string;
  config: ConfigPartition;
  /** Whether the keys of an encrypted configuration need a partition. */
  keys: boolean;
  sensors: readonly SensorRequest[];
  /** By key. */
  secrets: Readonly<Record<string, string>>;
  /** Folder of the firmware's sources, absolute. */
  source: string;
}

/** Files of the project by path; what is under `include/` may hold secrets. */
export function platformioProject(build: PlatformioBuild): Record<string, string> {
  const { board, chip, version, flashSize, config, keys, sensors, secrets } = build;
  const hasSecrets = Object.keys(secrets).length > 0;
  return {
    "platformio.ini": platformioIni(build),
    // the gen_esp32part.py of ESP-IDF 4.4, which turns it into the table, knows no "readonly"
    "partitions.csv": otaPartitionCsv({ flashSize, config, keys, readonly: false }),
    [`include/${BUILD_HEADER}`]: buildHeader({ board, chip, version, configLabel: config.label, sensors }),
    ...(hasSecrets && { [`include/${SECRETS_HEADER}`]: secretsHeader(secrets) }),
  };
}

function platformioIni({ board, platform, flashSize, source }: PlatformioBuild): string {
  const { platformio, flags } = ESP32_BOARDS[board];
  const folders = ["core", "drivers", "boards/arduino", `boards/${board}`];
  return [
    "[platformio]",
    `default_envs = ${ENVIRONMENT}`,
    `src_dir = ${source}`,
    "include_dir = include",
    "build_dir = build",
    "libdeps_dir = libdeps",
    "",
    `[env:${ENVIRONMENT}]`,
    `platform = ${platform}`,
    "framework = arduino",
    `board = ${platformio}`,
    "board_build.partitions = partitions.csv",
    "board_build.flash_mode = dio",
    "board_build.f_flash = 40000000L",
    `board_upload.flash_size = ${flashSize}`,
    `build_src_filter = -<*> ${folders.map((folder) => `+<${folder}/>`).join(" ")}`,
    "build_unflags = -std=gnu++11",
    "build_flags =",
    ...["-std=gnu++17", `"-I${source}"`, `"-ffile-prefix-map=${source}=firmware"`, ...flags].map(
      (flag) => `  ${flag}`,
    ),
    "",
  ].join("\n");
}

function secretsHeader(secrets: Readonly<Record<string, string>>): string {
  const entries = Object.entries(secrets).map(([key, value]) => ` X(${cString(key)}, ${cString(value)})`);
  return [
    "// Made by the builder; holds secrets.",
    "#pragma once",
    `#define EDGEFLOCK_SECRETS(X)${entries.join("")}`,
    "",
  ].join("\n");
}
