// Which executor runs a builder. Touches nothing.
import { VisibleError } from "../../model/visible-error.ts";
import type { ContainerRequest, Executor } from "../contract.ts";
import type { JobPlacement } from "../kubernetes-job/contract.ts";
import { ContainerExecutor } from "./container.ts";
import { ProcessExecutor } from "./process.ts";

/** Opens an executor of Kubernetes Jobs; connects to the cluster. */
export type JobExecutors = (placement: JobPlacement) => Promise<Executor>;

/**
 * @param where the container that it runs in, if any, and whether that is a Job's
 * @throws VisibleError for a Job where there is no cluster to run it
 */
export async function executorFor(
  where: { container?: ContainerRequest; job?: JobPlacement },
  jobs: JobExecutors | undefined,
): Promise<Executor> {
  if (!where.container) return new ProcessExecutor();
  if (!where.job) return new ContainerExecutor();
  if (!jobs)
    throw new VisibleError("a builder is to run as a Kubernetes Job, but there is no cluster for it");
  return await jobs(where.job);
}
