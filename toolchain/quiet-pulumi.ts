// Runs pulumi beside the command that a person gave: for its output, on one stack. Starts one process.
import { execa } from "execa";
import { VisibleError } from "../model/visible-error.ts";
import type { Progress } from "./progress.ts";

/** What a command of ours does to a stack before or after pulumi's own. */
export interface StackRun {
  projectFolder: string;
  /** Name of the stack, with or without organization and project. */
  stack: string;
  /** The environment that pulumi will run in. */
  environment: NodeJS.ProcessEnv;
  progress: Progress;
}

export interface QuietOptions {
  /** What it was for, said where it fails. */
  problem?: string;
  hint?: string;
  input?: string;
  /** Default the project's folder. */
  cwd?: string;
}

/** @returns its standard output @throws VisibleError with what it said */
export async function quietPulumi(
  run: StackRun,
  args: string[],
  options: QuietOptions = {},
): Promise<string> {
  const { problem, hint = "Mend what it names and run it again.", input, cwd = run.projectFolder } = options;
  const { exitCode, stdout, stderr } = await execa(
    "pulumi",
    [...args, "--stack", run.stack, "--non-interactive"],
    {
      cwd,
      env: run.environment,
      extendEnv: false,
      reject: false,
      ...(input === undefined ? { stdin: "ignore" as const } : { input }),
    },
  );
  if (exitCode === 0) return stdout;
  const failed = `pulumi ${args.slice(0, 2).join(" ")} failed:\n${stderr || stdout}`;
  throw new VisibleError(problem === undefined ? failed : `${problem}: ${failed}`, { hint });
}
