// A lock between processes that a dead owner does not hold for ever. Touches `<path>.lock`.
import { setTimeout as sleep } from "node:timers/promises";
import lockfile from "proper-lockfile";
import { type Progress, quiet } from "./progress.ts";

export interface LockOptions {
  /** What the owner does, for the line that says that another process is at it: "building kubectl 1.36.1". */
  what: string;
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

/** A lock whose owner has not touched it for this long (ms) is that of a dead process. */
const STALE_AFTER = 10_000;
const TOUCH_EVERY = 2_000;
const LOOK_AGAIN_AFTER = 200;

/** Runs `work` while no other process holds the lock of the same path; waits, and says so, while one does. */
export async function withFolderLock<T>(
  path: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const release = await acquire(path, options);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function acquire(path: string, options: LockOptions): Promise<() => Promise<void>> {
  const first = await tryLock(path);
  if (first) return first;
  const progress = options.progress ?? quiet;
  progress.say(`Another process is ${options.what}; waiting for it.`);
  return progress.step(`Waiting for the process that is ${options.what}`, async () => {
    for (;;) {
      await sleep(LOOK_AGAIN_AFTER, undefined, options.signal ? { signal: options.signal } : {});
      const release = await tryLock(path);
      if (release) return release;
    }
  });
}

async function tryLock(path: string): Promise<(() => Promise<void>) | undefined> {
  try {
    const release = await lockfile.lock(path, {
      realpath: false,
      stale: STALE_AFTER,
      update: TOUCH_EVERY,
      // The owner was suspended for long and another took over; what is done under a lock bears that.
      onCompromised() {},
    });
    return async () => {
      await release().catch((error: unknown) => {
        if (!isCode(error, "ERELEASED", "ENOTACQUIRED", "ENOENT")) throw error;
      });
    };
  } catch (error) {
    if (isCode(error, "ELOCKED")) return undefined;
    throw error;
  }
}

/** Whether an error of the system has one of these codes. */
export function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
