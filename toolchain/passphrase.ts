// The passphrase that a project's local stacks are encrypted with: made once, readable by its owner alone.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, link, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";
import { isCode } from "./folder-lock.ts";

/**
 * The path of the passphrase file, made where it is missing. Two processes at once get the same one.
 * @throws VisibleError where stacks are there that another passphrase must have encrypted
 */
export async function ensurePassphrase(folder: string, stateFolder: string): Promise<string> {
  const path = join(folder, "passphrase");
  if (existsSync(path)) {
    await chmod(path, 0o600);
    return path;
  }
  if (await holdsStacks(stateFolder)) {
    throw new VisibleError(`The passphrase of this project's stacks is missing: ${path}.`, {
      hint: "Put the file back from a backup, or set PULUMI_CONFIG_PASSPHRASE. What was encrypted with it cannot be read without.",
    });
  }
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeFile(temporary, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flush: true });
    // a link, unlike a rename, leaves the file of whoever was first alone
    await link(temporary, path).catch((error: unknown) => {
      if (!isCode(error, "EEXIST")) throw error;
    });
  } finally {
    await rm(temporary, { force: true });
  }
  return path;
}

/** Whether pulumi's file backend has any stack there. */
async function holdsStacks(stateFolder: string): Promise<boolean> {
  const stacks = join(stateFolder, ".pulumi", "stacks");
  if (!existsSync(stacks)) return false;
  const files = await readdir(stacks, { recursive: true });
  return files.some((name) => /\.json(\.gz|\.zst)?$/.test(name));
}
