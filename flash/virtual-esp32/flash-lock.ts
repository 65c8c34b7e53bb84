// One board a flash file: a lock file beside it names the process that uses it. Touches `<flash>.lock` and, for moments,
// files beside that.
import {
  closeSync,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { VisibleError } from "../../model/visible-error.ts";
import { isAlive } from "../../toolchain/is-alive.ts";

const ATTEMPTS = 50;
const PAUSE_MILLISECONDS = 20;

let made = 0;

/** Takes the lock; returns what gives it back. A lock whose process has died is taken over. @throws VisibleError */
export function lockFlash(flashPath: string): () => void {
  const path = `${flashPath}.lock`;
  // written whole before it gets its name, so that nobody ever reads half of it
  const own = `${path}.${process.pid}.${made++}`;
  try {
    writeFileSync(own, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (link(own, path)) {
        const { ino } = statSync(own);
        return () => giveBack(path, ino);
      }
      if (!bury(path, flashPath)) pause();
    }
  } catch (error) {
    if (error instanceof VisibleError) throw error;
    throw new VisibleError(`cannot lock the flash file ${flashPath}: ${(error as Error).message}`);
  } finally {
    rmSync(own, { force: true });
  }
  throw new VisibleError(`cannot lock the flash file ${flashPath}: others keep taking it`, {
    hint: `if no virtual board runs, remove ${path} and ${path}.stale.*`,
  });
}

/**
 * Removes a lock whose process has died, and no other. Of all who find it only one may: the one that gives it a second
 * name, which is made of its inode. Whoever comes later and has looked at it before finds another inode under that name.
 *
 * @returns false where somebody else is at it
 * @throws VisibleError where its process lives
 */
function bury(path: string, flashPath: string): boolean {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (isCode(error, "ENOENT")) return true; // given back meanwhile
    throw error;
  }
  try {
    refuseIfAlive(Number(readFileSync(file, "utf8")), path, flashPath);
    // while it is open, no other file gets its inode
    const { ino } = fstatSync(file);
    const grave = `${path}.stale.${ino}`;
    if (!link(path, grave)) return false;
    if (statSync(grave).ino === ino) rmSync(path, { force: true });
    unlinkSync(grave);
    return true;
  } catch (error) {
    if (isCode(error, "ENOENT")) return true;
    throw error;
  } finally {
    closeSync(file);
  }
}

function refuseIfAlive(pid: number, lockPath: string, flashPath: string): void {
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return;
  throw new VisibleError(`the flash file ${flashPath} is in use by another virtual board (process ${pid})`, {
    hint: `stop that one, name another file, or remove ${lockPath} if process ${pid} is something else`,
  });
}

/** Somebody may have removed the file by hand, and another board may have taken the flash since. */
function giveBack(path: string, ino: number): void {
  if (statSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
}

/** @returns false where the second name is taken */
function link(path: string, second: string): boolean {
  try {
    linkSync(path, second);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MILLISECONDS);
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}
