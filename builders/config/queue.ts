// Gathers the devices that ask for an image at about the same time, so that an executor gets them together: the engine
// writes devices one by one, as many at a time as it is told to. Starts builders.
import { stderrProgress } from "../../toolchain/progress.ts";
import type { JobExecutors } from "../executors/executor-for.ts";
import { interruptible } from "../interruption.ts";
import { buildConfigImages, type ConfigImageRequest } from "./build-images.ts";
import type { ConfigBuilder } from "./builder.ts";
import type { ConfigImage } from "./check-image.ts";

/** Milliseconds: a batch is whole when no device came for `quiet`, or the first one has waited for `longest`. */
const GATHER = { quiet: 50, longest: 250 };
/** A Job takes seconds for itself, and the engine some to hand over many devices. */
const GATHER_FOR_JOBS = { quiet: 1_000, longest: 5_000 };

/** Where a device's image may be built as a Job: its namespace. */
export interface ConfigBuildPlace {
  namespace: string;
  jobs: JobExecutors;
}

interface Waiting {
  request: ConfigImageRequest;
  resolve(image: ConfigImage): void;
  reject(reason: unknown): void;
}

interface Batch {
  waiting: Waiting[];
  since: number;
  whole: NodeJS.Timeout;
}

const gathering = new Map<string, Batch>();

/** @throws VisibleError for a builder that fails, and for an image that is refused */
export function queueConfigImage(
  builder: ConfigBuilder,
  request: ConfigImageRequest,
  where: ConfigBuildPlace,
): Promise<ConfigImage> {
  const key = JSON.stringify([builder, where.namespace]);
  const { quiet, longest } = builder.run.job ? GATHER_FOR_JOBS : GATHER;
  const now = Date.now();
  const begun = gathering.get(key);
  clearTimeout(begun?.whole);
  const { waiting, since }: Omit<Batch, "whole"> = begun ?? { waiting: [], since: now };
  const whole = setTimeout(
    () => {
      gathering.delete(key);
      void build(builder, waiting, where.jobs);
    },
    Math.min(quiet, since + longest - now),
  );
  gathering.set(key, { waiting, since, whole });
  return new Promise((resolve, reject) => void waiting.push({ request, resolve, reject }));
}

async function build(builder: ConfigBuilder, batch: readonly Waiting[], jobs: JobExecutors): Promise<void> {
  try {
    const results = await interruptible(undefined, (signal) =>
      buildConfigImages(
        builder,
        batch.map(({ request }) => request),
        { projectFolder: process.cwd(), progress: stderrProgress(), signal, jobs },
      ),
    );
    for (const [index, { resolve, reject }] of batch.entries()) {
      const result = results[index]!;
      if (result.status === "fulfilled") resolve(result.value);
      else reject(result.reason);
    }
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
