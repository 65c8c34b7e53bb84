// Finds processes that left their process group (daemons) by the mark in their environment, and ends them.
// Reads /proc; where there is none, nothing is found. Ends processes of this user that bear the mark only.
import { readdirSync, readFileSync } from "node:fs";
import { setImmediate as soon } from "node:timers/promises";

export const MARK_VARIABLE = "EDGEFLOCK_BUILD";

/**
 * Looks in a row that find nobody. Of a builder that goes on forking, one or two may miss all: a program that is just
 * being started shows no environment.
 */
const QUIET_LOOKS = 5;
const MOST_LOOKS = 1000;

/** Ends all processes that were started with this mark, and those that they start meanwhile. */
export async function endStragglers(mark: string): Promise<void> {
  for (let look = 0, quiet = 0; look < MOST_LOOKS && quiet < QUIET_LOOKS; look++) {
    const ids = marked(mark);
    quiet = ids.length === 0 ? quiet + 1 : 0;
    // all of them stand still before the first one ends: none can start another in between
    for (const signal of ["SIGSTOP", "SIGKILL"] as const) for (const id of ids) send(id, signal);
    await soon();
  }
}

/** Those that still run. In one go, since each moment more is one in which they can fork. */
function marked(mark: string): number[] {
  const wanted = `${MARK_VARIABLE}=${mark}`;
  return attempt(() => readdirSync("/proc"), [])
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => {
      // what has ended has no environment; other users' processes cannot be read, and are not ours to end
      const environment = attempt(() => readFileSync(`/proc/${id}/environ`, "latin1"), "");
      return environment.split("\0").includes(wanted);
    })
    .map(Number);
}

function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

function send(id: number, signal: NodeJS.Signals): void {
  try {
    process.kill(id, signal);
  } catch {
    // it ended meanwhile
  }
}
