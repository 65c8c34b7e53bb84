// An operation that changes the state: run as pulumi would, or for a large fleet with the state saved once, at the end.
// Starts pulumi.
import { chooseCheckpoints, SKIP_CHECKPOINTS } from "../../toolchain/checkpoints.ts";
import { isUpdate, isWhole } from "../../toolchain/pulumi-stack.ts";
import type { StackRun } from "../../toolchain/quiet-pulumi.ts";
import { passThrough } from "../pass-through.ts";
import { clearOrphans } from "./clear-orphans.ts";
import { rootKeyFirst } from "./root-key-first.ts";
import { beginUnsavedRun } from "./unsaved-run.ts";

export interface UpdateOptions extends StackRun {
  program: string;
  args: string[];
}

/** A Go program that panicked; the state is not saved then. */
const PANICKED = 2;

/** Resolves to pulumi's exit code. */
export async function runUpdate(options: UpdateOptions): Promise<number> {
  const { projectFolder, program, args, environment, stack } = options;
  const run = (variables: NodeJS.ProcessEnv = {}) =>
    passThrough({ program, args, cwd: projectFolder, environment: { ...environment, ...variables } });
  if ((await chooseCheckpoints(options)) === "each") return run();
  if (isUpdate(args)) await rootKeyFirst(options);
  const unsaved = await beginUnsavedRun(projectFolder, stack);
  const code = await run(SKIP_CHECKPOINTS);
  if (code === PANICKED) return code;
  if (unsaved.wasKilled) {
    if (code !== 0 || !isWhole(args)) return code;
    await clearOrphans(options);
  }
  await unsaved.settled();
  return code;
}
