// Finds PlatformIO: one on PATH, else PyPI's, which brings no compilers: those PlatformIO fetches itself.
// Starts a process to ask for its version.
import { findOnPath } from "./path-lookup.ts";
import { type PythonOptions, pythonEnvironment } from "./python.ts";
import { tryCommand } from "./run-command.ts";

export interface Platformio {
  /** The first words of a command line. */
  command: string[];
  /** Name and version. */
  identity: string;
}

/** @throws VisibleError where it is not on PATH and cannot be installed */
export async function findPlatformio(options: PythonOptions = {}): Promise<Platformio> {
  for (const name of ["pio", "platformio"]) {
    for (const path of await findOnPath(name)) {
      const { exitCode, stdout } = await tryCommand([path, "--version"], { timeout: 60_000 });
      const version = /version\s+(\S+)/.exec(stdout)?.[1];
      if (exitCode === 0 && version) return { command: [path], identity: `platformio ${version}` };
    }
  }
  const { python, version } = await pythonEnvironment("platformio", options);
  return { command: [python, "-m", "platformio"], identity: `platformio ${version}` };
}
