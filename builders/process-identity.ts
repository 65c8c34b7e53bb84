// Names a process so that it can be told from a later one of the same id, and from one of another machine or
// container that shares the folder. Reads /proc where there is one.
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { isAlive } from "../toolchain/is-alive.ts";

/** `<pid>-<start>-<boot>-<place>`: letters, digits and three dashes; what is unknown is 0. */
export function processIdentity(pid: number = process.pid): string {
  return `${pid}-${startOf(pid)}-${bootId()}-${place()}`;
}

/** Whether the process of that identity still runs; "elsewhere" where that cannot be told from here. */
export function fateOf(identity: string): "running" | "gone" | "elsewhere" {
  const [pidText, start, boot, where] = identity.split("-");
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return "elsewhere";
  if (where !== place()) return "elsewhere";
  if (boot !== bootId()) return "gone";
  if (!isAlive(pid)) return "gone";
  return start === startOf(pid) ? "running" : "gone";
}

/** Field 22 of /proc/<pid>/stat: clock ticks between the machine's start and the process's (man 5 proc). */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // the second field is a name in parentheses, which may itself contain spaces and parentheses
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "0";
  } catch {
    return "0";
  }
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
  } catch {
    return "0";
  }
}

/** Containers have process ids of their own, so the namespace of ids belongs to the place. */
function place(): string {
  let ids = "";
  try {
    ids = readlinkSync("/proc/self/ns/pid");
  } catch {
    // no /proc, no such namespaces
  }
  return createHash("sha256").update(`${hostname()} ${ids}`).digest("hex").slice(0, 8);
}
