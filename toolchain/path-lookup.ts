// Finds programs on PATH. Reads the file system, starts nothing.
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/** Every executable file of that name on PATH, in its order. */
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
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
