// Gathers the devices that ask for an image at about the same time, so that an executor gets them together: the engine
// writes devices one by one, as many at a time as it is told to. Starts builders.
import { stderrProgress } from "../../toolchain/progress.ts";
import type { JobExecutors } from "../executors/executor-for.ts";
import { interruptible } from "../interruption.ts";
import { buildConfigImages, type ConfigImageRequest } from "./build-images.ts";
import type { ConfigBuilder } from "./builder.ts";
import type { ConfigImage } from "./check-image.ts";

/** Devices of one batch. */
const MOST = 100;
/** Milliseconds that the first one of a batch waits for others. */
const GATHER = 50;

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

const gathering = new Map<string, Waiting[]>();

/** @throws VisibleError for a builder that fails, and for an image that is refused */
export function queueConfigImage(
  builder: ConfigBuilder,
  request: ConfigImageRequest,
  where: ConfigBuildPlace,
): Promise<ConfigImage> {
  const key = JSON.stringify([builder, where.namespace]);
  return new Promise((resolve, reject) => {
    const batch = gathering.get(key) ?? begin(key, builder, where.jobs);
    batch.push({ request, resolve, reject });
    if (batch.length === MOST) gathering.delete(key);
  });
}

function begin(key: string, builder: ConfigBuilder, jobs: JobExecutors): Waiting[] {
  const batch: Waiting[] = [];
  gathering.set(key, batch);
  setTimeout(() => {
    // a full one has made room for the next already
    if (gathering.get(key) === batch) gathering.delete(key);
    void build(builder, batch, jobs);
  }, GATHER);
  return batch;
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
