// The firmware builder "esp-idf": any ESP-IDF project, built by its own idf.py; flasher_args.json is taken as it is.
// Planning asks idf.py for its version. The build is a few lines of shell, so that images of ESP-IDF need nothing else.
import { z } from "zod";
import { VisibleError } from "../../model/visible-error.ts";
import { findOnPath } from "../../toolchain/path-lookup.ts";
import { tryCommand } from "../../toolchain/run-command.ts";
import { checkBuilderArgs, projectPath } from "../builder-args.ts";
import type { BuildPlan, FirmwareBuilder, FirmwareRequest } from "../contract.ts";

const TIME_LIMIT = 60 * 60 * 1000;

const args = z.strictObject({
  defines: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "is no name of a CMake variable"),
      z.string().regex(/^[^\0\n]*$/, "has to be one line"),
    )
    .default({}),
});

/** What ESP-IDF's export.sh sets beside PATH. */
const IDF_SETTINGS = /^(IDF_|ESP_IDF_VERSION$|ESP_ROM_ELF_DIR$|OPENOCD_SCRIPTS$|https?_proxy$|no_proxy$)/i;

/**
 * ESP-IDF writes into its project (sdkconfig, managed_components), so it gets a copy. Of the build, all images and
 * the files that say where they go; only what those name becomes part of the artefact. $1 is the chip, others are -D….
 */
const SCRIPT = `set -e
if ! command -v idf.py >/dev/null; then . "\${IDF_PATH:-/opt/esp/idf}/export.sh" >/dev/null; fi
cp -R input/source tmp/project
chmod -R u+w tmp/project
chip=$1
shift
idf.py -C tmp/project -B tmp/build "-DIDF_TARGET=$chip" "$@" build
cd tmp/build
cp flasher_args.json ../../output/
find . -name '*.bin' -type f -exec sh -c 'for f; do mkdir -p "../../output/$(dirname "$f")"; cp "$f" "../../output/$f"; done' sh {} +
`;

export const espIdfBuilder: FirmwareBuilder = {
  name: "esp-idf",

  async plan(request: FirmwareRequest): Promise<BuildPlan> {
    const { defines } = checkBuilderArgs(request, args);
    const { source, git } = request.builder;
    if (source === undefined && git === undefined) {
      throw new VisibleError('the firmware builder "esp-idf" needs spec.firmware.builder.source', {
        hint: "the folder of your ESP-IDF project: the one with CMakeLists.txt and main/",
      });
    }
    const words = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`);
    const settings = Object.entries(process.env).filter(([name]) => IDF_SETTINGS.test(name));
    return {
      identity: {
        builder: "esp-idf 1",
        ...(!request.container && { toolchain: await idfVersion() }),
      },
      ...(git ? { git } : { source: projectPath(request, source!) }),
      args: { defines },
      run: {
        kind: "command",
        command: ["bash", "-c", SCRIPT, "esp-idf", request.chip, ...words],
        // an image has its own
        environment: request.container ? {} : (Object.fromEntries(settings) as Record<string, string>),
        timeLimit: TIME_LIMIT,
      },
    };
  },
};

async function idfVersion(): Promise<string> {
  for (const path of await findOnPath("idf.py")) {
    const { exitCode, stdout } = await tryCommand([path, "--version"], { timeout: 120_000 });
    const version = /ESP-IDF\s+\S+/.exec(stdout)?.[0];
    if (exitCode === 0 && version) return version;
  }
  throw new VisibleError(
    'the firmware builder "esp-idf" needs ESP-IDF, and no idf.py that works is on PATH',
    {
      hint:
        'install ESP-IDF and run ". export.sh" of it in this shell (https://docs.espressif.com), or build in its ' +
        "image: spec.firmware.container.image",
    },
  );
}
