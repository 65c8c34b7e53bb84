// Runs a tool in place of this command: same terminal, same signals, same exit code. Starts one process.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { Command } from "commander";
import { VisibleError } from "../model/visible-error.ts";

/** A subcommand that takes every argument and option as it is, `--help` included. */
export function passThroughCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument("[arguments...]", `everything that ${name} takes; a leading -- may be left out`)
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false);
}

/**
 * What stands behind the subcommand on this process's own command line. (commander has taken out every `--`, of
 * which only the first is not the tool's.)
 */
export function passedArguments(name: string, argv: readonly string[] = process.argv): string[] {
  const rest = argv.slice(argv.indexOf(name, 2) + 1);
  return rest[0] === "--" ? rest.slice(1) : rest;
}

interface PassThrough {
  program: string;
  args: string[];
  cwd: string;
  environment: NodeJS.ProcessEnv;
}

/** Resolves to the exit code; a tool that a signal ended ends this process by the same one. */
export async function passThrough({ program, args, cwd, environment }: PassThrough): Promise<number> {
  const child = spawn(program, args, { cwd, env: environment, stdio: "inherit" });
  const restore = passSignals(child);
  try {
    const { code, signal } = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(
      (resolve, reject) => {
        child.once("error", reject);
        child.once("close", (code, signal) => resolve({ code, signal }));
      },
    );
    restore();
    if (signal === null) return code ?? 1;
    process.kill(process.pid, signal);
    // for a signal that this process survives
    return 128 + (constants.signals[signal] ?? 0);
  } catch (error) {
    throw new VisibleError(`${program} could not be started: ${(error as Error).message}.`, {
      hint: 'Run "edgeflock doctor" to see which tools are there.',
    });
  } finally {
    restore();
  }
}

/**
 * A terminal sends Ctrl-C to the tool itself; a second one from here would make pulumi give up without cleaning up.
 * Without a terminal this process is the only one that is told.
 */
function passSignals(child: { kill(signal: NodeJS.Signals): boolean }): () => void {
  const handlers = (["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const).map((signal) => {
    const fromTerminal = signal === "SIGINT" || signal === "SIGQUIT";
    const handler = () => {
      if (!(fromTerminal && process.stdin.isTTY)) child.kill(signal);
    };
    process.on(signal, handler);
    return { signal, handler };
  });
  return () => {
    for (const { signal, handler } of handlers) process.off(signal, handler);
  };
}

/** Where the user stands: npm changes to the package's folder before it runs a script. */
export function userFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { INIT_CWD, npm_lifecycle_event, npm_package_json } = environment;
  const isNpmScript =
    npm_lifecycle_event !== undefined && npm_package_json === `${process.cwd()}/package.json`;
  return isNpmScript && INIT_CWD ? INIT_CWD : process.cwd();
}
