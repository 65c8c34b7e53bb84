// The firmware compiled for tests: with warnings as errors and, where the compiler has them, with sanitizers.
import { execFile, spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BUILD_HEADER, buildHeader, SENSOR_DRIVERS } from "../../../builders/esp32/build-header.ts";
import { findCxx } from "../../../toolchain/cxx.ts";
import { mbedtls } from "../../../toolchain/mbedtls.ts";

export const SOURCES = fileURLToPath(new URL("../../../builders/esp32/firmware", import.meta.url));
const WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"];
const run = promisify(execFile);

export class HostFirmware {
  /** core/ and drivers/ as objects. */
  readonly portable: string[] = [];
  /** What they need of Mbed TLS. */
  library: string[] = [];
  readonly #folder: string;
  #command: string[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Compiles the portable part, with all drivers that a host may have; or nothing yet. */
  static async compile(folder: string, what?: "headers only"): Promise<HostFirmware> {
    const firmware = new HostFirmware(folder);
    const compiler = await findCxx();
    const library = await mbedtls({
      compiler: compiler.command,
      identity: compiler.identity,
      config: join(SOURCES, "boards/native/mbedtls_config.h"),
    });
    firmware.library = library.objects;
    const sensors = Object.entries(SENSOR_DRIVERS).flatMap(([driver, boards]) =>
      boards ? [] : [{ name: driver, driver }],
    );
    const header = { board: "native", chip: "esp32", version: "test", configLabel: "cfg", sensors };
    await writeFile(join(folder, BUILD_HEADER), buildHeader(header));
    const common = ["-std=c++17", "-O1", "-g", ...WARNINGS, ...library.flags, "-I", SOURCES, "-I", folder];
    firmware.#command = [...compiler.command, ...common, ...(await sanitizers(compiler.command, folder))];
    const sources = globSync(["core/*.cpp", "drivers/*.cpp"], { cwd: SOURCES });
    const queue = what === "headers only" ? [] : [...sources];
    const worker = async (): Promise<void> => {
      for (let source = queue.pop(); source; source = queue.pop()) {
        const object = `${source.replaceAll("/", "-")}.o`;
        firmware.portable.push(await firmware.make(object, "-c", join(SOURCES, source)));
      }
    };
    await Promise.all([worker(), worker()]);
    return firmware;
  }

  /** @returns the path of what was made */
  async make(name: string, ...words: string[]): Promise<string> {
    const path = join(this.#folder, name);
    const [program, ...args] = [...this.#command, ...words, "-o", path];
    await run(program!, args, { maxBuffer: 1 << 24 });
    return path;
  }

  /** A program of the portable part and one source of a test. */
  program(source: string): Promise<string> {
    return this.make(basename(source, ".cpp"), source, ...this.portable, ...this.library);
  }

  /** The firmware as a program of this host. */
  firmware(): Promise<string> {
    const own = globSync("boards/native/*.cpp", { cwd: SOURCES }).map((path) => join(SOURCES, path));
    return this.make("firmware", ...own, ...this.portable, ...this.library);
  }
}

/** A compiler without the sanitizers' libraries (Zig's) still tests everything else. */
async function sanitizers([program, ...args]: string[], folder: string): Promise<string[]> {
  const wanted = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
  const probe = join(folder, "probe.cpp");
  await writeFile(probe, "int main() { return 0; }");
  const made = spawnSync(program!, [...args, ...wanted, probe, "-o", join(folder, "probe")]);
  return made.status === 0 ? wanted : [];
}
