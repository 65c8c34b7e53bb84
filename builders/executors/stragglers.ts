// Finds processes that left their process group (daemons) by the mark in their environment, and ends them.
// Reads /proc; where there is none, nothing is found. Ends processes of this user that bear the mark only.
import { readdir, readFile } from "node:fs/promises";

export const MARK_VARIABLE = "EDGEFLOCK_BUILD";

/** Ends all processes that were started with this mark. */
export async function endStragglers(mark: string): Promise<void> {
  const wanted = `${MARK_VARIABLE}=${mark}`;
  const ids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const id of ids) {
    // other users' processes cannot be read, and are not ours to end
    const environment = await readFile(`/proc/${id}/environ`, "latin1").catch(() => "");
    if (!environment.split("\0").includes(wanted)) continue;
    try {
      process.kill(Number(id), "SIGKILL");
    } catch {
      // it ended meanwhile
    }
  }
}
