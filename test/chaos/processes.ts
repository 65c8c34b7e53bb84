// The processes of an update, found and killed. Reads /proc; kills what descends from the given process only.
import { readdirSync, readFileSync } from "node:fs";

export interface Process {
  pid: number;
  parent: number;
  command: string;
}

/** What the killed processes of an update are. */
export type Part = "command" | "cli" | "language host" | "program" | "provider" | "builder";

function allProcesses(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return fields[0] === "Z" ? [] : [{ pid: Number(name), parent: Number(fields[1]), command }];
      } catch {
        return [];
      }
    });
}

/** All that descend from a process, itself included. */
export function family(root: number): Process[] {
  const all = allProcesses();
  const found = all.filter(({ pid }) => pid === root);
  for (let index = 0; index < found.length; index++) {
    found.push(...all.filter(({ parent }) => parent === found[index]!.pid));
  }
  return found;
}

export function partOf({ command, pid }: Process): Part {
  if (isBuilder(pid)) return "builder";
  if (/edgeflock\.mjs/.test(command)) return "command";
  if (/pulumi-language-nodejs|language-host/.test(command)) return "language host";
  if (/pulumi-resource-|dynamic-provider|stand-ins/.test(command)) return "provider";
  if (/cmd\/run/.test(command)) return "program";
  return "cli";
}

/** A builder runs in a group of its own and bears a mark (builders/executors/stragglers.ts). */
function isBuilder(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1")
      .split("\0")
      .some((entry) => entry.startsWith("EDGEFLOCK_BUILD="));
  } catch {
    return false;
  }
}

/** Builders that still run though who started them is gone; those of other updates on this machine are not ours. */
export function leftBuilders(): Process[] {
  const all = new Map(allProcesses().map((process) => [process.pid, process]));
  const isLeft = (process: Process): boolean => {
    const parent = all.get(process.parent);
    if (parent === undefined || parent.pid === 1) return true;
    return isBuilder(parent.pid) && isLeft(parent);
  };
  return [...all.values()].filter((process) => isBuilder(process.pid) && isLeft(process));
}

export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Stops each first, so that none sees another die and tidies up, as a power cut would let none. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGSTOP");
    } catch {
      // it ended meanwhile
    }
  }
  for (const pid of pids) kill(pid);
}
