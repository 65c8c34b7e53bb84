// Runs one command as a child process of its own and collects what it prints. A cancelled one is ended
// with all that it started.
import { spawn } from "node:child_process";
import { StringDecoder } from "node:string_decoder";
import { VisibleError } from "../../../model/visible-error.ts";
import { signalChildren } from "../plugin-server.ts";
import { type CommandInputs, masked } from "./command-inputs.ts";

export interface CommandOutputs {
  /** Without the last line break. */
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** What the last run printed; empty where there was none. */
  previous: CommandOutputs;
  secrets: string[];
  signal: AbortSignal;
  /** Told each line that is to be logged. */
  log(line: string): void;
}

/** How long a cancelled command may take to end by itself. */
const GRACE_MS = 5000;
const SHELL = process.platform === "win32" ? ["cmd", "/C"] : ["/bin/sh", "-c"];

/** @throws VisibleError where the command cannot be started or fails; it holds what was printed, masked */
export async function runCommand(
  command: string,
  inputs: CommandInputs,
  options: RunOptions,
): Promise<CommandOutputs> {
  const [program, ...arguments_] = [...(inputs.interpreter?.length ? inputs.interpreter : SHELL), command];
  const child = spawn(program!, arguments_, {
    cwd: inputs.dir ?? process.cwd(),
    env: environment(inputs, options.previous),
    stdio: [inputs.stdin ? "pipe" : "ignore", "pipe", "pipe"],
  });
  if (inputs.stdin) {
    // A command that does not read its input to the end is none of our business.
    child.stdin!.on("error", () => {});
    child.stdin!.end(inputs.stdin);
  }
  let both = "";
  const log = byLine((line) => options.log(masked(line, options.secrets)));
  const listen = (stream: NodeJS.ReadableStream, isLogged: boolean) =>
    collect(stream, (text) => {
      both += text;
      if (isLogged) log.write(text);
    });
  const logging = inputs.logging ?? "stdoutAndStderr";
  const stdout = listen(child.stdout!, logging === "stdout" || logging === "stdoutAndStderr");
  const stderr = listen(child.stderr!, logging === "stderr" || logging === "stdoutAndStderr");
  const failure = await ended(child, options.signal);
  log.end();
  if (failure) {
    throw new VisibleError(
      masked(`${failure}: running ${JSON.stringify(command)}:\n${both}`, options.secrets),
    );
  }
  return { stdout: stdout().replace(/\n$/, ""), stderr: stderr().replace(/\n$/, "") };
}

function environment(inputs: CommandInputs, previous: CommandOutputs): NodeJS.ProcessEnv {
  const withPrevious = inputs.addPreviousOutputInEnv ?? true;
  return {
    ...process.env,
    ...inputs.environment,
    ...(withPrevious && previous.stdout !== "" && { PULUMI_COMMAND_STDOUT: previous.stdout }),
    ...(withPrevious && previous.stderr !== "" && { PULUMI_COMMAND_STDERR: previous.stderr }),
  };
}

function collect(stream: NodeJS.ReadableStream, told: (text: string) => void): () => string {
  const decoder = new StringDecoder("utf8");
  let whole = "";
  stream.on("data", (chunk: Buffer) => {
    const text = decoder.write(chunk);
    whole += text;
    told(text);
  });
  return () => whole + decoder.end();
}

/** Cuts text into lines; what stands after the last line break waits for its own, or for the end. */
function byLine(told: (line: string) => void): { write(text: string): void; end(): void } {
  let rest = "";
  const tell = (line: string) => {
    if (line.trim() !== "") told(line);
  };
  return {
    write: (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(tell);
    },
    end: () => tell(rest),
  };
}

/** Why the command failed, or undefined where it did not. */
function ended(child: ReturnType<typeof spawn>, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    let kill: NodeJS.Timeout | undefined;
    const stop = () => {
      signalChildren(child, "SIGTERM");
      kill = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    };
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const settle = (failure: string | undefined) => {
      clearTimeout(kill);
      signal.removeEventListener("abort", stop);
      resolve(failure);
    };
    child.on("error", (error) => settle(error.message));
    child.on("close", (code, by) => {
      if (code === 0) settle(undefined);
      else settle(signal.aborted ? "cancelled" : code === null ? `ended by ${by}` : `exit status ${code}`);
    });
  });
}
