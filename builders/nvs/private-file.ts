// Files that hold secrets: whole or not there at all, and readable by their owner only. Touches files.
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isAlive } from "../../toolchain/is-alive.ts";

const SUFFIX = ".edgeflock-tmp";

/**
 * Writes `bytes` to a new file beside the target, mode 0600, and renames it into place. A device or a pipe is
 * written to as it is. @throws the error of the file system; nothing is left behind
 */
export function writePrivateFile(path: string, bytes: Uint8Array): void {
  if (isSpecial(path)) {
    writeFileSync(path, bytes);
    return;
  }
  const mark = `${process.pid}-${randomBytes(4).toString("hex")}`;
  const temporary = join(dirname(path), `.${basename(path)}.${mark}${SUFFIX}`);
  try {
    writeFileSync(temporary, bytes, { mode: 0o600, flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Makes a folder for such files, readable by its owner only if it is new. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Removes what writers that were killed have left in a folder. Those of living processes stay. */
export function sweepTemporaryFiles(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /\.(\d+)-[0-9a-f]{8}\.edgeflock-tmp$/.exec(name)?.[1];
    if (pid !== undefined && name.startsWith(".") && !isAlive(Number(pid)))
      rmSync(join(folder, name), { force: true });
  }
}

function isSpecial(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && !found.isFile();
}
