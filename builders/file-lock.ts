// One at a time, over processes: a lock beside a file. Touches files.
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import lockfile from "proper-lockfile";

/** A lock that its owner has not touched for this long (ms) is that of a dead process. */
const STALE_AFTER = 10_000;
const LOOK_AGAIN_AFTER = 150;

/**
 * Runs `work` while this process alone has the lock.
 * @param waiting called once, when another has it
 */
export async function withLock<T>(
  file: string,
  options: { signal?: AbortSignal | undefined; waiting?: () => void },
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const release = await tryLock(file);
    if (release) {
      try {
        return await work();
      } finally {
        // whoever took over a lock that seemed stale releases it
        await release().catch(() => {});
      }
    }
    if (!told) options.waiting?.();
    told = true;
    await sleep(LOOK_AGAIN_AFTER, undefined, options.signal ? { signal: options.signal } : {});
  }
}

async function tryLock(file: string): Promise<(() => Promise<void>) | undefined> {
  try {
    // losing the lock (a laptop slept) does no harm: everything written under it is written atomically
    return await lockfile.lock(file, {
      realpath: false,
      stale: STALE_AFTER,
      update: 2000,
      onCompromised() {},
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ELOCKED") return undefined;
    throw error;
  }
}
