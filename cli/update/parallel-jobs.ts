// How many resources pulumi works on at once where builders run as Kubernetes Jobs: all that could share Jobs, or wait
// for each other by priority, have to be in its hands at the same time. Only reads files.
import { MOST_RUNS } from "../../builders/kubernetes-job/batches.ts";
import { jobLimit } from "../../builders/kubernetes-job/limit.ts";
import type { DeclaredObject } from "../../model/load-objects.ts";
import { readManifestFiles } from "../../model/read-manifest-files.ts";
import { declaredFolder, ownConfig, readStackConfig } from "../../toolchain/stack-file.ts";

export interface ParallelOptions {
  projectFolder: string;
  stack: string;
  args: readonly string[];
  /** Pulumi's. */
  environment: NodeJS.ProcessEnv;
  /** What the cluster declares, where the stack's manifests are no files. */
  objects?: readonly DeclaredObject[] | undefined;
}

/** By pulumi's own count (4 a core) Jobs would be nearly empty, and a queue hardly ever longer than its limit. */
const FEWEST = 100;
const MOST = 2_000;
const EXECUTOR = "kubernetes-job";

/** Variables for pulumi; none where no builder is a Job, or the person said how many. */
export async function parallelForJobs(options: ParallelOptions): Promise<NodeJS.ProcessEnv> {
  const { args, environment, projectFolder, stack } = options;
  if (environment.PULUMI_PARALLEL || args.some((word) => /^(--parallel(=|$)|-p)/.test(word))) return {};
  const get = ownConfig((await readStackConfig(projectFolder, stack)) ?? {});
  if (get("executor") !== EXECUTOR && !declaresJobs(options, get)) return {};
  const most = Math.min(MOST, Math.max(FEWEST, jobLimit(get("jobLimit")) * MOST_RUNS));
  return { PULUMI_PARALLEL: String(most) };
}

/** Looks for a word and does not read manifests whole; what is wrong with them is the program's to say. */
function declaresJobs(
  { objects, projectFolder, stack }: ParallelOptions,
  get: (key: string) => string | undefined,
) {
  if (objects)
    return objects.some((one) => one.kind === "DeviceClass" && JSON.stringify(one).includes(EXECUTOR));
  try {
    return readManifestFiles(declaredFolder(projectFolder, stack, get)).some(({ text }) =>
      text.includes(EXECUTOR),
    );
  } catch {
    return false;
  }
}
