// The firmware of a virtual board as a process of this host: started from bytes, and never left behind.
// Touches a private temporary folder and one process group.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FirmwareExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Set when it could not even be started. */
  failure?: string;
}

export interface FirmwareProcess {
  input(bytes: Uint8Array): void;
  /** Ends the whole process group at once. */
  kill(): void;
  /** Resolves when process and folder are gone. */
  exited: Promise<FirmwareExit>;
}

/** Input that a firmware does not read is dropped beyond this many bytes. */
const INPUT_LIMIT = 64 * 1024;

/**
 * A second process of the group waits for the board's end of a pipe to close, which it does even when the
 * board is killed with SIGKILL; then it removes the folder and ends the group.
 * $1: folder, $2: executable, $3: flash file.
 */
const LAUNCHER = `{ read -r _ <&3; rm -rf -- "$1"; kill -KILL 0; } </dev/null >/dev/null 2>&1 &
exec "$2" --flash "$3" 3<&-`;

export interface FirmwareOptions {
  executable: Uint8Array;
  flashPath: string;
  chip: string;
  mac: string;
  onOutput(bytes: Uint8Array): void;
}

/** Starts `<executable> --flash <flash file>`; errors of starting come as its exit. */
export function startFirmware(options: FirmwareOptions): FirmwareProcess {
  let folder: string | undefined;
  let child: ChildProcess;
  try {
    folder = mkdtempSync(join(tmpdir(), "edgeflock-board-")); // 0700
    const executable = join(folder, "firmware");
    writeFileSync(executable, options.executable, { mode: 0o700 });
    child = spawn("/bin/sh", ["-c", LAUNCHER, "sh", folder, executable, options.flashPath], {
      // Nothing of our own environment: it may hold secrets, and a board has none.
      env: { PATH: "/usr/bin:/bin", EDGEFLOCK_CHIP: options.chip, EDGEFLOCK_MAC: options.mac },
      cwd: folder,
      detached: true,
      stdio: ["pipe", "pipe", "pipe", "pipe"],
    });
  } catch (error) {
    if (folder) rmSync(folder, { recursive: true, force: true });
    return failedToStart((error as Error).message);
  }
  return supervise(child, folder, options.onOutput);
}

function supervise(
  child: ChildProcess,
  folder: string,
  onOutput: (bytes: Uint8Array) => void,
): FirmwareProcess {
  let ended = false;
  const kill = () => {
    if (ended || child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // the group has gone by itself
    }
  };
  const exited = new Promise<FirmwareExit>((resolve) => {
    const end = (exit: FirmwareExit) => {
      kill();
      ended = true;
      rmSync(folder, { recursive: true, force: true });
      resolve(exit);
    };
    child.once("error", (error) => end({ code: null, signal: null, failure: error.message }));
    // The group's other process keeps the group's id from being used again until "kill" has run.
    child.once("exit", kill);
    child.once("close", (code, signal) => end({ code, signal }));
  });
  child.stdout?.on("data", onOutput);
  child.stderr?.on("data", onOutput);
  for (const stream of child.stdio) stream?.on("error", () => {}); // the process may end at any time
  return {
    input(bytes) {
      const { stdin } = child;
      if (stdin && !stdin.destroyed && stdin.writableLength < INPUT_LIMIT) stdin.write(bytes);
    },
    kill,
    exited,
  };
}

function failedToStart(failure: string): FirmwareProcess {
  return { input() {}, kill() {}, exited: Promise.resolve({ code: null, signal: null, failure }) };
}
