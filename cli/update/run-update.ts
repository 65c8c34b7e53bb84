// An operation that changes the state: run as pulumi would, or for a large fleet with the state saved once, at the end.
// Starts pulumi; may ask the API server what is declared there.

import type { DeclaredObject } from "../../model/load-objects.ts";
import { chooseCheckpoints, SKIP_CHECKPOINTS } from "../../toolchain/checkpoints.ts";
import { isUpdate, isWhole } from "../../toolchain/pulumi-stack.ts";
import type { StackRun } from "../../toolchain/quiet-pulumi.ts";
import { clearOrphans } from "./clear-orphans.ts";
import { declaredInCluster } from "./declared-in-cluster.ts";
import { parallelForJobs } from "./parallel-jobs.ts";
import { rootKeyFirst } from "./root-key-first.ts";
import { beginUnsavedRun } from "./unsaved-run.ts";

export interface UpdateOptions extends StackRun {
  /** Of the command line that `run` runs. */
  args: readonly string[];
  /** Runs it with these variables besides; resolves to pulumi's exit code. */
  run(variables: NodeJS.ProcessEnv): Promise<number>;
  /** What the cluster declares, where that is known already. */
  objects?: readonly DeclaredObject[];
}

/** A Go program that panicked; the state is not saved then. */
const PANICKED = 2;

/** Resolves to pulumi's exit code. */
export async function runUpdate(options: UpdateOptions): Promise<number> {
  const { projectFolder, args, run, stack } = options;
  const objects = await declaredInCluster(options);
  const devices = objects?.filter(({ kind }) => kind === "Device").length;
  const parallel = await parallelForJobs({ ...options, objects });
  if ((await chooseCheckpoints({ ...options, devices })) === "each") return run(parallel);
  if (isUpdate(args)) await rootKeyFirst(options);
  const unsaved = await beginUnsavedRun(projectFolder, stack);
  const code = await run({ ...SKIP_CHECKPOINTS, ...parallel });
  if (code === PANICKED) return code;
  if (unsaved.wasKilled) {
    if (code !== 0 || !isWhole(args)) return code;
    await clearOrphans({ ...options, ...(objects && { objects }) });
  }
  await unsaved.settled();
  return code;
}
