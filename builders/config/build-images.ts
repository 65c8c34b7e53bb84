// Builds the configuration images of several devices by a builder of the user's own, under the contract of builders
// (docs/builders.md). Starts builders; touches the cache folder.
import { join } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import { type Progress, quiet } from "../../toolchain/progress.ts";
import type { BuildControl, ExecutorJob, Json } from "../contract.ts";
import { executorFor, type JobExecutors } from "../executors/executor-for.ts";
import { runAll } from "../executors/run-all.ts";
import { sourceCommand } from "../source-program.ts";
import { hashSourceTree } from "../source-tree.ts";
import { WorkFolder } from "../work-folder.ts";
import type { ConfigBuilder } from "./builder.ts";
import { type ConfigImage, takeConfigImage } from "./check-image.ts";
import { type ConfigEntry, splitSecrets } from "./contract.ts";

/** What one device wants built. */
export interface ConfigImageRequest {
  device: string;
  /** In the order in which they were declared. */
  entries: readonly ConfigEntry[];
}

export interface ConfigBuildOptions extends BuildControl {
  /** The builder's source folder starts here. */
  projectFolder: string;
  /** Runs what is to be built as Kubernetes Jobs. */
  jobs?: JobExecutors | undefined;
}

type Started = { request: ConfigImageRequest; work: WorkFolder; masked: string[] };

/** A result for each request, in order: one device's mistake is not the others'. */
export async function buildConfigImages(
  builder: ConfigBuilder,
  requests: readonly ConfigImageRequest[],
  options: ConfigBuildOptions,
): Promise<PromiseSettledResult<ConfigImage>[]> {
  const source = builder.source === undefined ? undefined : join(options.projectFolder, builder.source);
  const started: PromiseSettledResult<Started>[] = [];
  try {
    await checkSource(builder, source);
    for (const request of requests)
      started.push(...(await Promise.allSettled([start(builder, request, source)])));
    return await run(builder, source, started, options);
  } finally {
    for (const one of started) if (one.status === "fulfilled") await one.value.work.remove();
  }
}

/** What is built now has to be what the preview showed. */
async function checkSource({ identity }: ConfigBuilder, source: string | undefined): Promise<void> {
  if (source === undefined || (await hashSourceTree(source)).startsWith(identity.source ?? "")) return;
  throw new VisibleError(`the source folder ${source} changed while it was about to be used`, {
    hint: "run the command again",
  });
}

async function start(
  builder: ConfigBuilder,
  request: ConfigImageRequest,
  source: string | undefined,
): Promise<Started> {
  const { settings, secrets } = splitSecrets(builder.class.config.size, request.entries);
  const work = await WorkFolder.create({
    source,
    args: builder.args,
    classFacts: builder.class,
    settings: settings as unknown as Json,
    secrets,
  });
  return { request, work, masked: Object.values(secrets) };
}

async function run(
  builder: ConfigBuilder,
  source: string | undefined,
  started: readonly PromiseSettledResult<Started>[],
  options: ConfigBuildOptions,
): Promise<PromiseSettledResult<ConfigImage>[]> {
  const { timeLimit, container } = builder.run;
  const command = sourceCommand(builder.command, source, "spec.config.builder.source");
  const ready = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const jobs = ready.map(({ request, work, masked }): ExecutorJob => {
    const name = `configuration builder of ${request.device}`;
    const { environment } = builder;
    return { name, command, environment, timeLimit, work, masked, ...(container && { container }) };
  });
  const progress = options.progress ?? quiet;
  const title =
    jobs.length === 1
      ? `Building the configuration image of ${ready[0]!.request.device}`
      : `Building ${jobs.length} configuration images`;
  const executor = await executorFor(builder.run, options.jobs);
  const ran = await progress.step(title, (step) => {
    // one line for all of them, with what the last one said
    const inside: Progress = { ...progress, step: (_, work) => work(step) };
    return runAll(executor, jobs, { ...options, progress: inside });
  });
  const outcomes = new Map(ready.map((one, index) => [one, ran[index]!]));
  return await Promise.allSettled(
    started.map(async (one) => {
      if (one.status === "rejected") throw one.reason;
      const outcome = outcomes.get(one.value)!;
      if (outcome.status === "rejected") throw outcome.reason;
      return await take(builder, one.value);
    }),
  );
}

async function take(builder: ConfigBuilder, { request, work }: Started): Promise<ConfigImage> {
  try {
    return await takeConfigImage(work.output, builder.class.config, request.entries);
  } catch (error) {
    if (!(error instanceof VisibleError)) throw error;
    const { message, hint } = error;
    throw new VisibleError(`configuration image of ${request.device}: ${message}`, {
      ...(hint && { hint }),
      cause: error,
    });
  }
}
