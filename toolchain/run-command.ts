// Runs another program to its end and collects what it said. Starts processes.
import { execa } from "execa";
import { VisibleError } from "../model/visible-error.ts";

export interface RunOptions {
  cwd?: string;
  /** The whole environment of the program; default this process's own. */
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  /** In milliseconds. */
  timeout?: number;
  /** Each line as it comes, of stdout and stderr alike. */
  onLine?: (line: string) => void;
  /** What to do when it fails, for the error's hint. */
  hint?: string;
}

export interface CommandResult {
  exitCode: number;
  stdout: string;
  /** stdout and stderr as they came. */
  all: string;
}

const LINES_SHOWN = 15;
const KILL_AFTER = 3_000;

/** A program ended with an error, or could not be started. Its message holds the last lines it said. */
export class CommandError extends VisibleError {
  readonly output: string;
  constructor(message: string, output: string, hint: string | undefined) {
    super(message, hint === undefined ? {} : { hint });
    this.name = "CommandError";
    this.output = output;
  }
}

/** Runs a program; an exit code other than 0 is a {@link CommandError}, a cancelled run throws the signal's reason. */
export async function runCommand(command: string[], options: RunOptions = {}): Promise<CommandResult> {
  const result = await tryCommand(command, options);
  options.signal?.throwIfAborted();
  if (result.exitCode === 0) return result;
  const what = result.failure ?? `ended with exit code ${result.exitCode}`;
  throw new CommandError(
    `${commandName(command)} ${what}.${lastLines(result.all)}`,
    result.all,
    options.hint,
  );
}

/** Runs a program and returns how it ended, whatever that was (exit code 127 where it could not start). */
export async function tryCommand(
  command: string[],
  options: RunOptions = {},
): Promise<CommandResult & { failure?: string }> {
  const [file, ...args] = command;
  if (file === undefined) throw new Error("a command has at least one word");
  options.signal?.throwIfAborted();
  const child = execa(file, args, {
    all: true,
    reject: false,
    stdin: "ignore",
    extendEnv: false,
    env: options.env ?? process.env,
    stripFinalNewline: true,
    // Who passes a signal ends the program through it, with all that it started (compilers hold the pipes open).
    // Else it stays in the terminal's group, which Ctrl-C ends as a whole.
    detached: options.signal !== undefined,
    forceKillAfterDelay: KILL_AFTER,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  });
  const forget = endGroupOn(options.signal, child.pid);
  try {
    if (options.onLine) for await (const line of child.iterable({ from: "all" })) options.onLine(line);
    const result = await child;
    const failure = describeFailure({ ...result, isCanceled: options.signal?.aborted ?? false }, options);
    return {
      exitCode: result.exitCode ?? (result.failed ? 127 : 0),
      stdout: result.stdout,
      all: result.all,
      ...(failure === undefined ? {} : { failure }),
    };
  } finally {
    forget();
  }
}

/** Ends the process group when the signal comes: asked first, forced a little later. */
function endGroupOn(signal: AbortSignal | undefined, pid: number | undefined): () => void {
  if (!signal || pid === undefined) return () => undefined;
  let force: NodeJS.Timeout | undefined;
  const end = () => {
    sendToGroup(pid, "SIGTERM");
    force = setTimeout(() => sendToGroup(pid, "SIGKILL"), KILL_AFTER);
  };
  signal.addEventListener("abort", end, { once: true });
  return () => {
    signal.removeEventListener("abort", end);
    clearTimeout(force);
  };
}

function sendToGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // all of them have ended already
  }
}

interface Ending {
  isCanceled: boolean;
  timedOut: boolean;
  signal?: string | undefined;
  exitCode?: number | undefined;
  failed: boolean;
  code?: string | undefined;
}

function describeFailure(ending: Ending, options: RunOptions): string | undefined {
  if (!ending.failed) return undefined;
  if (ending.isCanceled) return "was stopped";
  if (ending.timedOut) return `did not end within ${(options.timeout ?? 0) / 1000} s`;
  if (ending.signal) return `was ended by ${ending.signal}`;
  if (ending.exitCode === undefined) return `could not be started (${ending.code ?? "unknown reason"})`;
  return undefined;
}

/** The part of a command that a person recognises; arguments may be long, or not meant for a log. */
function commandName(command: string[]): string {
  return command.slice(0, 3).join(" ").slice(0, 120);
}

/** The end of what a program said, indented, on lines of its own; empty where it said nothing. */
export function lastLines(output: string, count: number = LINES_SHOWN): string {
  const lines = output.split(/\r?\n/).filter((line) => line.trim() !== "");
  return lines
    .slice(-count)
    .map((line) => `\n  ${line.slice(0, 400)}`)
    .join("");
}
