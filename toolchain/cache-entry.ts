// One folder of the cache: filled once, whole, by one process at a time. Touches files under the cache folder.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rename, rm, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";
import { cacheFolder } from "./cache-folder.ts";
import { isCode, withFolderLock } from "./folder-lock.ts";
import type { Progress } from "./progress.ts";

export interface CacheEntryOptions {
  /** What is being made, for the line that says that another process is at it: "kubectl 1.36.1". */
  what: string;
  progress?: Progress;
  signal?: AbortSignal | undefined;
  /** Default {@link cacheFolder}. */
  root?: string;
}

/**
 * The folder `name` of the cache. Where it is missing, `fill` makes it in a temporary folder beside it, which is
 * then renamed: nobody ever sees half of it. Of two processes one fills, the other says that it waits.
 *
 * @param name relative path whose last part changes whenever its content would (see {@link contentKey})
 * @throws VisibleError where the disk is full or the folder cannot be written; whatever `fill` throws
 */
export async function cacheEntry(
  name: string,
  fill: (folder: string) => Promise<void>,
  options: CacheEntryOptions,
): Promise<string> {
  const folder = join(options.root ?? cacheFolder(), name);
  if (existsSync(folder)) return folder;
  try {
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
    await withFolderLock(folder, { ...options, what: `getting ${options.what} ready` }, async () => {
      if (!existsSync(folder)) await fillAndRename(folder, fill);
    });
  } catch (error) {
    throw await explainDiskError(error, dirname(folder));
  }
  return folder;
}

/** A short key of everything that a cached folder's content depends on. */
export function contentKey(...parts: string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest("hex").slice(0, 16);
}

async function fillAndRename(folder: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await sweep(folder);
  const partial = await mkdtemp(`${folder}.partial-`);
  try {
    await fill(partial);
    await flush(partial);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // whoever took the lock of a process that was only suspended may have been first: theirs is as good
    if (!(isCode(error, "ENOTEMPTY", "EEXIST") && existsSync(folder))) throw error;
  }
}

/** Removes what a killed process left; only the owner of the lock calls this. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(dirname(folder))) {
    if (name.startsWith(`${basename(folder)}.partial-`)) {
      await rm(join(dirname(folder), name), { recursive: true, force: true });
    }
  }
}

/** Puts every file on the disk before the rename: after a power cut there is either all of it or none. */
async function flush(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = await open(join(entry.parentPath, entry.name), "r");
    await file.sync().finally(() => file.close());
  }
}

/** Turns "no space", "read-only" and "not allowed" into a sentence and a way out; leaves other errors alone. */
export async function explainDiskError(error: unknown, folder: string): Promise<unknown> {
  const text =
    error instanceof Error ? `${error.message}\n${(error as { output?: string }).output ?? ""}` : "";
  if (isCode(error, "ENOSPC", "EDQUOT") || /no space left on device|disk quota exceeded/i.test(text)) {
    const free = await statfs(folder).then(
      (s) => `${Math.floor((s.bavail * s.bsize) / 2 ** 20)} MB free`,
      () => "full",
    );
    return new VisibleError(`The disk that holds the cache folder ${folder} has no space left (${free}).`, {
      hint: "Make room (2 GB are needed for a first set-up), or set EDGEFLOCK_CACHE to a folder on a larger disk.",
      cause: error,
    });
  }
  if (isCode(error, "EACCES", "EPERM", "EROFS", "ENOTDIR")) {
    return new VisibleError(`The cache folder ${folder} cannot be written: ${(error as Error).message}.`, {
      hint: "Make it writable for you, or set EDGEFLOCK_CACHE to a folder of yours.",
      cause: error,
    });
  }
  return error;
}
