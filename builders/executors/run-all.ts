// Runs one builder for several work folders by whatever executor. Starts builders.
import { availableParallelism } from "node:os";
import type { BuildControl, Executor, ExecutorJob } from "../contract.ts";

/** How many builders of configuration images run on this machine at a time, over all batches of this process. */
const AT_A_TIME = availableParallelism();
let running = 0;
const waiting: (() => void)[] = [];

/** A result for each job, in order. */
export async function runAll(
  executor: Executor,
  jobs: readonly ExecutorJob[],
  control: BuildControl,
): Promise<PromiseSettledResult<void>[]> {
  if (executor.runAll) return await executor.runAll(jobs, control);
  return await Promise.allSettled(jobs.map((job) => inTurn(() => executor.run(job, control))));
}

async function inTurn(work: () => Promise<void>): Promise<void> {
  if (running >= AT_A_TIME) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    await work();
  } finally {
    // the place goes to the next one, or back
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}
