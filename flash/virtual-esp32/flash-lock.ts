// One board a flash file: a lock file beside it names the process that uses it.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { VisibleError } from "../../model/visible-error.ts";
import { isAlive } from "../../toolchain/is-alive.ts";

/** Takes the lock; returns what gives it back. A lock whose process has died is taken over. @throws VisibleError */
export function lockFlash(flashPath: string): () => void {
  const path = `${flashPath}.lock`;
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const fd = openSync(path, "wx", 0o600);
      writeSync(fd, `${process.pid}\n`);
      closeSync(fd);
      return () => rmSync(path, { force: true });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "EEXIST") throw new VisibleError(`cannot lock the flash file ${flashPath}: ${message}`);
      refuseIfAlive(path, flashPath);
      rmSync(path, { force: true });
    }
  }
  throw new VisibleError(`cannot lock the flash file ${flashPath}: others keep taking it`);
}

function refuseIfAlive(lockPath: string, flashPath: string): void {
  let pid: number;
  try {
    pid = Number(readFileSync(lockPath, "utf8"));
  } catch {
    return; // given back meanwhile
  }
  if (Number.isInteger(pid) && pid > 0 && isAlive(pid)) {
    throw new VisibleError(
      `the flash file ${flashPath} is in use by another virtual board (process ${pid})`,
      {
        hint: `stop that one, name another file, or remove ${lockPath} if process ${pid} is something else`,
      },
    );
  }
}
