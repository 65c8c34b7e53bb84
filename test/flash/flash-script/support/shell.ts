// Runs shell scripts for tests, under every POSIX shell that this machine has. Starts processes.
import { execFileSync, spawn } from "node:child_process";

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Command lines of the POSIX shells that are here; `sh` and `bash` always are. */
export const SHELLS: readonly string[][] = [
  ["sh"],
  ["bash"],
  ["dash"],
  ["busybox", "sh"],
  ["ksh"],
  ["yash"],
].filter(([command]) => onPath(command as string));

export function onPath(command: string): boolean {
  try {
    execFileSync("/bin/sh", ["-c", `command -v "$1"`, "sh", command], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Runs a script as `sh -s -- args` does: the script comes on stdin. */
export function runPiped(
  shell: readonly string[],
  script: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  return run([...shell, "-s", "--", ...args], { input: script, env });
}

export interface RunOptions {
  input?: string;
  /** In addition to this process's own. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Called once the process runs, with its standard error so far at each piece. */
  onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Runs a command in a session of its own, without a terminal to ask at, to its end. */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [file, ...args] = command as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: { ...process.env, ...options.env },
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      options.onStderr?.(stderr, (signal) => child.kill(signal));
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.on("error", () => {}); // a shell may end before it has read everything
    child.stdin.end(options.input ?? "");
  });
}
