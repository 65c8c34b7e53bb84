// Runs a command and measures it with all that it starts: wall time, and of each process its peak memory and CPU time.
// Reads /proc, so it works on Linux.
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

/** Often enough for the peak of what lives for seconds; VmHWM keeps the peak between two looks. */
const LOOK_EVERY = 200;
/** USER_HZ; 100 on every Linux that Node runs on (proc(5)). */
const TICKS_A_SECOND = 100;

export interface ProcessUse {
  /** Largest resident memory of one such process, in MiB. */
  peakMiB: number;
  /** CPU time of all such processes together, in seconds. */
  cpuSeconds: number;
}

export interface MeasuredRun {
  seconds: number;
  /** By what the process is: `pulumi`, `program`, `devices' provider`, … */
  processes: Record<string, ProcessUse>;
}

interface Seen {
  role: string;
  peakMiB: number;
  cpuSeconds: number;
}

/** @throws with the command's output where it fails */
export async function measuredRun(
  [program, ...args]: readonly [string, ...string[]],
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<MeasuredRun> {
  const started = performance.now();
  const child = execa(program, args, { ...options, extendEnv: false, stdin: "ignore", all: true });
  const seen = new Map<number, Seen>();
  let ended = false;
  const watching = (async () => {
    while (!ended) {
      if (child.pid !== undefined) look(child.pid, seen);
      await sleep(LOOK_EVERY);
    }
  })();
  try {
    await child;
  } finally {
    ended = true;
    await watching;
  }
  return { seconds: (performance.now() - started) / 1000, processes: byRole(seen.values()) };
}

/** CPU time of a process that is not of the command's own, so far. */
export function cpuSecondsOf(pid: number): number {
  return statOf(pid)?.cpuSeconds ?? 0;
}

function look(root: number, seen: Map<number, Seen>): void {
  const stats = new Map<number, { parent: number; cpuSeconds: number }>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? statOf(pid) : undefined;
    if (stat) stats.set(pid, stat);
  }
  for (const [pid, { cpuSeconds }] of stats) {
    if (!descends(pid, root, stats)) continue;
    const role = roleOf(pid);
    const peakMiB = peakOf(pid);
    if (role === undefined || peakMiB === undefined) continue;
    seen.set(pid, { role, cpuSeconds, peakMiB: Math.max(peakMiB, seen.get(pid)?.peakMiB ?? 0) });
  }
}

function descends(pid: number, root: number, stats: Map<number, { parent: number }>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = stats.get(at)?.parent) {
    if (at === root) return true;
  }
  return false;
}

/** Fields 4, 14 and 15; the second, in parentheses, may hold anything. */
function statOf(pid: number): { parent: number; cpuSeconds: number } | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    parent: Number(fields[1]),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND,
  };
}

function peakOf(pid: number): number | undefined {
  const kibibytes = /^VmHWM:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) / 1024;
}

const ROLES: [pattern: RegExp, role: string][] = [
  [/cmd\/dynamic-provider/, "devices' provider"],
  [/cmd\/run/, "program"],
  [/language-nodejs|language-host/, "language host"],
  [/resource-kubernetes|stand-ins\/kubernetes/, "kubernetes plugin"],
  [/resource-random|stand-ins\/random/, "random plugin"],
  [/edgeflock\.mjs/, "edgeflock"],
  [/(^|\/)pulumi\0/, "pulumi"],
];

function roleOf(pid: number): string | undefined {
  const command = read(`/proc/${pid}/cmdline`);
  if (!command) return undefined;
  return ROLES.find(([pattern]) => pattern.test(command))?.[1] ?? basename(command.split("\0")[0] ?? "");
}

function byRole(seen: Iterable<Seen>): Record<string, ProcessUse> {
  const roles: Record<string, ProcessUse> = {};
  for (const { role, peakMiB, cpuSeconds } of seen) {
    const use = roles[role] ?? { peakMiB: 0, cpuSeconds: 0 };
    roles[role] = {
      peakMiB: Math.max(use.peakMiB, peakMiB),
      cpuSeconds: use.cpuSeconds + cpuSeconds,
    };
  }
  return roles;
}

/** Undefined where the process has ended meanwhile. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
