// The firmware builder "esp32": Edgeflock's firmware for real boards, by PlatformIO. Planning asks PlatformIO for
// its version; the build itself is the program build.ts beside.

import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { VisibleError } from "../../model/visible-error.ts";
import { findPlatformio } from "../../toolchain/platformio.ts";
import { checkBuilderArgs, firmwareVersion } from "../builder-args.ts";
import { builderFingerprint } from "../content-hash.ts";
import type { BuildControl, BuildPlan, FirmwareBuilder, FirmwareRequest } from "../contract.ts";
import { ESP32_BOARD_NAMES, ESP32_BOARDS } from "./boards.ts";
import { driverProblem } from "./build-header.ts";
import { ownFirmware } from "./own-firmware.ts";
import { PLATFORM, platformioProject } from "./platformio-project.ts";

/** The first build of a machine fetches compilers. */
const TIME_LIMIT = 60 * 60 * 1000;

const args = z.strictObject({
  board: z.enum(ESP32_BOARD_NAMES),
  version: firmwareVersion.optional(),
  platform: z
    .string()
    .regex(
      /^([A-Za-z0-9][\w.-]*\/)?[A-Za-z0-9][\w.-]*@[0-9][0-9A-Za-z.+-]*$/,
      "must be a platform of PlatformIO with its exact version, such as espressif32@6.12.0",
    )
    .default(PLATFORM),
});

/** How PlatformIO reaches its packages and where it keeps them; no part of the result, which versions pin. */
const PLATFORMIO_SETTINGS =
  /^(PLATFORMIO_(CORE|PACKAGES|PLATFORMS|CACHE|GLOBALLIB)_DIR|https?_proxy|no_proxy)$/i;

/** What build.ts is told in its environment. */
export const PLATFORMIO_VARIABLE = "EDGEFLOCK_PLATFORMIO";

export const esp32Builder: FirmwareBuilder = {
  name: "esp32",
  // of a wrong board the arguments' own check tells
  sensorProblem: (sensor, { board }) =>
    typeof board === "string" ? driverProblem(sensor, board) : undefined,

  async plan(request: FirmwareRequest, control: BuildControl): Promise<BuildPlan> {
    const own = checkBuilderArgs(request, args);
    const { chip } = ESP32_BOARDS[own.board];
    if (request.chip !== chip) {
      throw new VisibleError(`the board ${own.board} has an ${chip}, but the class says ${request.chip}`, {
        hint: `set spec.chip to ${chip}, or choose another board`,
      });
    }
    const firmware = await ownFirmware();
    const version = own.version ?? firmware.version;
    // refuses sensors without a driver, and a flash that is too small, before anything is built
    platformioProject({ ...projectOf(request), board: own.board, platform: own.platform, version });
    const common = { source: firmware.source, args: { board: own.board, platform: own.platform, version } };
    if (request.container) {
      // the program and PlatformIO are those of the image: builders/esp32/Containerfile
      const run = { kind: "command" as const, command: [], environment: {}, timeLimit: TIME_LIMIT };
      return { ...common, identity: { builder: "esp32 in a container" }, run };
    }
    const pio = await findPlatformio(control);
    const module = fileURLToPath(import.meta.url);
    const settings = Object.entries(process.env).filter(([name]) => PLATFORMIO_SETTINGS.test(name));
    return {
      ...common,
      identity: {
        builder: `esp32 ${await builderFingerprint(import.meta.url)}`,
        toolchain: `${pio.identity}; ${own.platform}`,
      },
      run: {
        kind: "command",
        command: [process.execPath, join(dirname(module), `build${extname(module)}`)],
        environment: {
          ...(Object.fromEntries(settings) as Record<string, string>),
          [PLATFORMIO_VARIABLE]: JSON.stringify(pio.command),
        },
        timeLimit: TIME_LIMIT,
      },
    };
  },
};

function projectOf(request: FirmwareRequest) {
  return {
    chip: request.chip,
    flashSize: request.flashSize ?? "4MB",
    config: request.config,
    keys: request.encryption?.scheme === "flash",
    sensors: request.sensors ?? [],
    secrets: {},
    source: "",
  };
}
