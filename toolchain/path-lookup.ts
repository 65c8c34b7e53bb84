// Finds programs on PATH. Reads the file system, starts nothing.
import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/** How the launchers begin that we put on PATH for pulumi and all that it starts (environment.ts). */
export const LAUNCHER_START = "#!/bin/sh\n# Edgeflock's launcher\n";

/**
 * Every executable file of that name on PATH, in its order. Our own launchers are left out: a command of ours that
 * runs under pulumi would take them for tools, and make launchers that start themselves.
 */
export async function findOnPath(
  name: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  const suffixes = process.platform === "win32" ? [".exe", ".cmd", ""] : [""];
  const found: string[] = [];
  for (const folder of (environment.PATH ?? "").split(delimiter)) {
    // an empty or relative entry means the current folder, from which nothing of ours is run
    if (!isAbsolute(folder)) continue;
    for (const suffix of suffixes) {
      const file = join(folder, name + suffix);
      if (!found.includes(file) && (await isExecutable(file))) found.push(file);
    }
  }
  return found;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    const found = await stat(file);
    return found.isFile() && !(found.size < LONGEST_LAUNCHER && (await isLauncher(file)));
  } catch {
    return false;
  }
}

const LONGEST_LAUNCHER = 10_000;

async function isLauncher(file: string): Promise<boolean> {
  return (await readFile(file, "utf8")).startsWith(LAUNCHER_START);
}
