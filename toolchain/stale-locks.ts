// Locks of pulumi's file backend whose process is dead: `kill -9` or a power cut left them. Reads and removes files
// below the state folder; looks at processes of this machine.
// The lock: https://github.com/pulumi/pulumi, pkg/backend/diy/lock.go
import { readFileSync } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { tryCommand } from "./run-command.ts";

interface Lock {
  pid: number;
  username: string;
  hostname: string;
  timestamp: string;
}

/** What was removed: a sentence each. */
export type Removed = string[];

/** A file being written is renamed within milliseconds; one that stays is a dead process's. */
const TEMPORARY_FOR = 1_000;

/**
 * Removes the locks that a dead process of this machine left on a stack. Locks of other machines, and of processes
 * that live, stay: pulumi names them.
 *
 * @param state the folder of PULUMI_BACKEND_URL (file://)
 */
export async function removeStaleLocks(state: string, project: string, stack: string): Promise<Removed> {
  const removed: Removed = [];
  for (const folder of lockFolders(state, project, stack)) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (name.endsWith(".attrs")) continue;
      const path = join(folder, name);
      const sentence = name.endsWith(".tmp") ? await leftUnfinished(path) : await leftByDead(path);
      if (sentence === undefined) continue;
      await rm(path, { force: true });
      await rm(`${path}.attrs`, { force: true });
      removed.push(sentence);
    }
  }
  return removed;
}

/** Whether somebody holds the stack: a process that lives, or one of another machine, of which nobody knows here. */
export async function isLocked(state: string, project: string, stack: string): Promise<boolean> {
  for (const folder of lockFolders(state, project, stack)) {
    const names = await readdir(folder, { withFileTypes: true }).catch(() => []);
    if (names.some((each) => each.isFile() && !each.name.endsWith(".attrs"))) return true;
  }
  return false;
}

/** Files that a killed pulumi was writing: encrypted like the state itself, but of no use. */
export async function removeUnfinishedFiles(state: string, project: string, stack: string): Promise<void> {
  for (const kind of ["stacks", "history", "backups"]) {
    const folder = join(state, ".pulumi", kind, project);
    for (const path of [folder, join(folder, stack)]) {
      for (const name of await readdir(path).catch(() => [])) {
        if (!name.startsWith(`${stack}.`) && !name.startsWith(`${stack}-`)) continue;
        if (name.endsWith(".tmp")) await rm(join(path, name), { force: true });
      }
    }
  }
}

/**
 * Removes torn sidecar files, which pulumi's file backend writes beside each file where it isn't told not to. Nothing
 * needs them, and with a torn one the file beside it cannot be read ("failed to load checkpoint: EOF").
 */
export async function removeTornSidecars(state: string, project: string, stack: string): Promise<void> {
  const root = join(state, ".pulumi");
  const folders = [
    root,
    ...["stacks", "history"].flatMap((kind) => [join(root, kind, project), join(root, kind, project, stack)]),
  ];
  for (const folder of [...folders, ...lockFolders(state, project, stack)]) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (!name.endsWith(".attrs")) continue;
      const path = join(folder, name);
      if (!isJson(await readFile(path, "utf8").catch(() => "{}"))) await rm(path, { force: true });
    }
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Stacks of a project, and those of a state from before pulumi's file backend knew projects. */
function lockFolders(state: string, project: string, stack: string): string[] {
  const locks = join(state, ".pulumi", "locks");
  return [join(locks, "organization", project, stack), join(locks, stack)];
}

async function leftByDead(path: string): Promise<string | undefined> {
  const lock = await readLock(path);
  if (!lock || lock.hostname !== hostname() || (await isHeld(lock))) return undefined;
  return `The lock of process ${lock.pid}, which is dead, is removed (it was taken at ${lock.timestamp}).`;
}

async function leftUnfinished(path: string): Promise<string | undefined> {
  await sleep(TEMPORARY_FOR);
  return (await stat(path).catch(() => undefined)) ? "An unfinished lock is removed." : undefined;
}

async function readLock(path: string): Promise<Lock | undefined> {
  try {
    const lock = JSON.parse(await readFile(path, "utf8")) as Partial<Lock>;
    return Number.isInteger(lock.pid) && typeof lock.hostname === "string" ? (lock as Lock) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the process that took the lock still runs: one of that id, which is pulumi and began before the lock. */
async function isHeld({ pid, timestamp }: Lock): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const process_ = await describeProcess(pid);
  if (process_ === undefined) return true;
  return process_.command.includes("pulumi") && process_.started <= Date.parse(timestamp) + 2_000;
}

/** Field 22 of /proc/<pid>/stat counts hundredths of a second since the machine's start (man 5 proc; USER_HZ is 100). */
function startOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // the second field is a name in parentheses, which may itself contain spaces and parentheses
  const ticks = Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[19]);
  const boot = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]);
  return (boot + ticks / 100) * 1000;
}

/** Undefined where it cannot be told; a command of "" is that of a process that is dead and not yet buried. */
async function describeProcess(pid: number): Promise<{ command: string; started: number } | undefined> {
  if (process.platform === "linux") {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0] ?? "";
      return { command, started: startOf(pid) };
    } catch {
      return { command: "", started: 0 };
    }
  }
  const { exitCode, stdout } = await tryCommand(["ps", "-o", "lstart=,comm=", "-p", String(pid)]);
  if (exitCode !== 0) return { command: "", started: 0 };
  const [, started, command] = /^\s*(\w+ +\w+ +\d+ +[\d:]+ +\d+)\s+(.*)$/.exec(stdout.trim()) ?? [];
  return started && command ? { command, started: Date.parse(started) } : undefined;
}
