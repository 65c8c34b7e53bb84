// The firmware builder "native": the firmware core compiled for this host, wrapped in an ESP app image, for the
// virtual ESP32. Planning reads the compiler's version; the build itself is the program build.ts beside.
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { findCxx } from "../../toolchain/cxx.ts";
import { MBEDTLS } from "../../toolchain/versions.ts";
import { checkBuilderArgs, firmwareVersion } from "../builder-args.ts";
import { builderFingerprint } from "../content-hash.ts";
import type { BuildControl, BuildPlan, FirmwareBuilder, FirmwareRequest } from "../contract.ts";
import { buildHeader, driverProblem } from "../esp32/build-header.ts";
import { ownFirmware } from "../esp32/own-firmware.ts";
import { COMPILER_VARIABLE, type HostCompiler } from "./compiler.ts";

const TIME_LIMIT = 10 * 60 * 1000;

const args = z.strictObject({ version: firmwareVersion.optional() });

/** What build.ts needs to find the cache and to fetch what is not in it yet. */
const CACHE_VARIABLES = [
  "EDGEFLOCK_CACHE",
  "EDGEFLOCK_DOWNLOAD_MIRROR",
  "XDG_CACHE_HOME",
  "HTTPS_PROXY",
  "https_proxy",
  "NODE_USE_ENV_PROXY",
  "NODE_EXTRA_CA_CERTS",
];

export const nativeBuilder: FirmwareBuilder = {
  name: "native",
  sensorProblem: (sensor) => driverProblem(sensor, "native"),

  async plan(request: FirmwareRequest, control: BuildControl): Promise<BuildPlan> {
    const { version } = checkBuilderArgs(request, args);
    const module = fileURLToPath(import.meta.url);
    // refuses a sensor that the firmware has no driver for before anything is built
    buildHeader({
      board: "native",
      chip: request.chip,
      version: "",
      configLabel: "",
      sensors: request.sensors ?? [],
    });
    const firmware = await ownFirmware();
    const common = {
      source: firmware.source,
      args: { version: version ?? firmware.version },
    };
    if (request.container) {
      // the program and its compiler are those of the image: builders/native/Containerfile
      const run = { kind: "command" as const, command: [], environment: {}, timeLimit: TIME_LIMIT };
      return { ...common, identity: { builder: "native in a container" }, run };
    }
    const compiler = await findCxx({
      ...(control.progress && { progress: control.progress }),
      signal: control.signal,
    });
    const told: HostCompiler = { command: compiler.command, identity: compiler.identity };
    return {
      ...common,
      identity: {
        builder: `native ${await builderFingerprint(import.meta.url, SHARED)}`,
        toolchain: compiler.identity,
        library: `Mbed TLS ${MBEDTLS}`,
        host: `${process.platform} ${process.arch}`,
      },
      run: {
        kind: "command",
        command: [process.execPath, join(dirname(module), `build${extname(module)}`)],
        environment: { ...compiler.environment, ...passedOn(), [COMPILER_VARIABLE]: JSON.stringify(told) },
        timeLimit: TIME_LIMIT,
      },
    };
  },
};

/** Outside of the builders, and decides over the result: how the library is compiled. */
const SHARED = ["../../toolchain/mbedtls.ts"];

function passedOn(): Record<string, string> {
  return Object.fromEntries(
    CACHE_VARIABLES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
