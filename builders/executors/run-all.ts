// Runs one builder for several work folders by whatever executor. Starts builders.
import { availableParallelism } from "node:os";
import type { BuildControl, Executor, ExecutorJob } from "../contract.ts";
import { TurnQueue } from "../turn-queue.ts";

/** Builders of configuration images that run on this machine, over all batches of this process. */
const turns = new TurnQueue(availableParallelism());

/** A result for each job, in order. */
export async function runAll(
  executor: Executor,
  jobs: readonly ExecutorJob[],
  control: BuildControl,
): Promise<PromiseSettledResult<void>[]> {
  if (executor.runAll) return await executor.runAll(jobs, control);
  return await Promise.allSettled(
    jobs.map((job) => turns.inTurn(0, undefined, () => executor.run(job, control))),
  );
}
