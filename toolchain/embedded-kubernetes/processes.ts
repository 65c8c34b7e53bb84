// Starts, recognises and ends the cluster's processes. A process is ours by its command line, never by its id alone.
import { spawn } from "node:child_process";
import { open, readdir, readFile, readlink, rename } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { tryCommand } from "../run-command.ts";
import type { ProcessName } from "./paths.ts";

/** Options by which a process of ours is known: each names a file or folder of one project's cluster. */
const MARKS: Record<ProcessName, string> = {
  etcd: "--data-dir=",
  "kube-apiserver": "--tls-cert-file=",
  "kube-controller-manager": "--kubeconfig=",
  "kube-scheduler": "--kubeconfig=",
  node: "",
};
/** It takes namespaces of its own for containerd and kubelet, and they end with it. */
const NODE_PROGRAM = "unshare";

export interface RunningProcess {
  pid: number;
  component: ProcessName;
}

const GRACE = 15_000;
const LOOK_EVERY = 50;

/**
 * Starts a program that outlives this one: in a session of its own, its output in a log file, with an environment
 * that holds nothing of the caller's (which may hold secrets).
 */
export async function startDetached(
  program: string,
  args: string[],
  log: string,
  cwd: string,
): Promise<number> {
  await rotate(log);
  const output = await open(log, "a", 0o600);
  try {
    const child = spawn(program, args, {
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
      cwd,
      // memory matters more than speed here: collect garbage earlier than Go's default of 100
      env: { PATH: process.env.PATH, HOME: process.env.HOME, GOGC: "50" },
    });
    child.unref();
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("spawn", () => resolve(child.pid!));
    });
  } finally {
    await output.close();
  }
}

/** One old log is kept, so that what led to a crash can still be read after the next start. */
async function rotate(log: string): Promise<void> {
  await rename(log, `${log}.1`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

/** Processes of the cluster in this folder, however they were started. */
export async function ownProcesses(clusterFolder: string): Promise<RunningProcess[]> {
  const found: RunningProcess[] = [];
  for (const { pid, command } of await commandLines()) {
    const component = componentOf(command, clusterFolder);
    if (component) found.push({ pid, component });
  }
  return found;
}

/** Which of our programs a command line is, if it works on this folder. */
export function componentOf(command: string[], clusterFolder: string): ProcessName | undefined {
  const program = command[0]?.split("/").at(-1);
  for (const [component, mark] of Object.entries(MARKS) as [ProcessName, string][]) {
    if (
      program === (component === "node" ? NODE_PROGRAM : component) &&
      command.some((word) => word.startsWith(`${mark}${clusterFolder}/`))
    )
      return component;
  }
  return undefined;
}

export async function isRunning(
  pid: number,
  component: ProcessName,
  clusterFolder: string,
): Promise<boolean> {
  return componentOf((await commandLine(pid)) ?? [], clusterFolder) === component;
}

/** Asks the process to end, and ends it with all it started where it does not within 15 s. */
export async function stopProcess(running: RunningProcess, clusterFolder: string): Promise<void> {
  const { pid, component } = running;
  if (!(await isRunning(pid, component, clusterFolder))) return;
  // unshare hears no SIGTERM
  send(pid, component === "node" ? "SIGKILL" : "SIGTERM");
  const deadline = Date.now() + GRACE;
  while (await isRunning(pid, component, clusterFolder)) {
    if (Date.now() > deadline) send(-pid, "SIGKILL");
    await sleep(LOOK_EVERY);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function commandLines(): Promise<{ pid: number; command: string[] }[]> {
  if (process.platform !== "linux") return psLines();
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(pids.map(async (pid) => ({ pid, command: await commandLine(pid) })));
  return all.filter((entry): entry is { pid: number; command: string[] } => entry.command !== undefined);
}

/** The words of a process's command line; nothing for one that is gone (or dead and not yet buried). */
async function commandLine(pid: number): Promise<string[] | undefined> {
  if (process.platform !== "linux") return (await psLines()).find((line) => line.pid === pid)?.command;
  try {
    const text = await readFile(`/proc/${pid}/cmdline`, "utf8");
    if (text === "") return undefined;
    const words = text.split("\0");
    // only processes of this user can be looked into, and only those can be ours
    await readlink(`/proc/${pid}/exe`);
    return words;
  } catch {
    return undefined;
  }
}

/** Where there is no /proc. Words are cut at spaces, so a folder with a space in its name is put together again. */
async function psLines(): Promise<{ pid: number; command: string[] }[]> {
  const { stdout } = await tryCommand([
    "ps",
    "-U",
    String(process.getuid?.() ?? 0),
    "-ww",
    "-o",
    "pid=,args=",
  ]);
  return stdout.split("\n").flatMap((line) => {
    const [, pid, text] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid && text ? [{ pid: Number(pid), command: text.split(/ (?=--)/) }] : [];
  });
}
