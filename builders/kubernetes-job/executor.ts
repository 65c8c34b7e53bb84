// Runs builders as Kubernetes Jobs. Whoever wants the same build waits for the same Job; a Job goes with the last one
// who waits for it. Asks the API server; writes work folders, and a log into the cache folder.
import type { KubernetesApi } from "../../kubernetes/api.ts";
import { IMAGE_BY_DIGEST } from "../../model/image-reference.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { quiet } from "../../toolchain/progress.ts";
import type { ArtifactStore, BuildControl, Executor, ExecutorJob, StoreUpload } from "../contract.ts";
import { checkOutput } from "../executors/check-output.ts";
import { flashSizeBytes } from "../flash-size.ts";
import type { TurnQueue } from "../turn-queue.ts";
import { apiEndpoints } from "./api-endpoints.ts";
import { batchesOf } from "./batches.ts";
import type { JobPlacement, UploadGrant } from "./contract.ts";
import { type Egress, toApi, toRepository, toUrl } from "./egress.ts";
import { claimJob, type JobPlace, leaveJob, ownerOf, releaseJob, sweepAbandoned } from "./job-objects.ts";
import { configJobName, firmwareJobName, jobObjectNames, nameForStore } from "./names.ts";
import { patiently } from "./patience.ts";
import { type JobPlan, jobSeconds, planJob } from "./plan-job.ts";
import { type ObjectsPlan, planObjects } from "./plan-objects.ts";
import { takeUpload, writeOutputs } from "./take-output.ts";
import { JobFailure, untilComplete } from "./until-complete.ts";
import { newWaiter } from "./waiters.ts";
import { readJobInput } from "./work-input.ts";

export interface JobExecutorOptions {
  api: KubernetesApi;
  namespace: string;
  /** Of the steps before and after the builder, by digest: `edgeflock builder-image job-steps`. */
  stepsImage: string | undefined;
  queue: TurnQueue;
  placement?: JobPlacement;
  /** Where results without secrets are sent, if it can let a pod write there; else they are kept in the cluster. */
  store?: Pick<ArtifactStore, "openUpload">;
  /** Default: what the API server's own address in the cluster is. */
  hostNetwork?: JobPlan["hostNetwork"];
  /** Default: in the cache folder. */
  logFolder?: string;
}

interface Planned {
  job: JobPlan;
  objects: Omit<ObjectsPlan, "owner">;
  upload: StoreUpload | undefined;
}

/** Bytes of one object of an upload. */
const PART = 900 * 1024;
/** Devices of a batch that may fail before the rest is given up: each takes a Job more. */
const MOST_FAILURES = 5;
/** Seconds for which a Job's pod may wait for room in its namespace and still upload to S3. */
const ROOM_PATIENCE = 24 * 3600;
/** A Job that is gone before its end was taken away by somebody. */
const MOST_ATTEMPTS = 3;

const swept = new Set<string>();

export class KubernetesJobExecutor implements Executor {
  readonly kind = "kubernetes-job";
  readonly #options: JobExecutorOptions;

  constructor(options: JobExecutorOptions) {
    this.#options = options;
  }

  async run(job: ExecutorJob, control: BuildControl): Promise<void> {
    const priority = this.#options.placement?.priority ?? 0;
    const name = job.contentHash === undefined ? configJobName() : firmwareJobName(job.contentHash);
    await this.#options.queue
      .inTurn(priority, control.signal, () => this.#runJob(name, [job], control))
      .catch((error: unknown) => {
        throw control.signal?.aborted ? stopped(job) : error;
      });
  }

  /** Many in one Job, one after the other; what fails is left out, and the others run again without it. */
  async runAll(jobs: readonly ExecutorJob[], control: BuildControl): Promise<PromiseSettledResult<void>[]> {
    const results = new Map<ExecutorJob, PromiseSettledResult<void>>();
    const batches = await batchesOf(jobs, this.#options.queue.free);
    await Promise.all(batches.map((batch) => this.#runBatch(batch, results, control)));
    return jobs.map((job) => results.get(job)!);
  }

  async #runBatch(
    batch: readonly ExecutorJob[],
    results: Map<ExecutorJob, PromiseSettledResult<void>>,
    control: BuildControl,
  ): Promise<void> {
    let left = [...batch];
    const fail = (job: ExecutorJob, reason: unknown) => results.set(job, { status: "rejected", reason });
    for (let failures = 0; left.length > 0; failures++) {
      const jobs = left;
      try {
        await this.#options.queue.inTurn(this.#options.placement?.priority ?? 0, control.signal, () =>
          this.#runJob(configJobName(), jobs, control),
        );
        for (const job of jobs) results.set(job, { status: "fulfilled", value: undefined });
        return;
      } catch (error) {
        const one = error instanceof JobFailure && error.run !== undefined ? jobs[error.run] : undefined;
        if (one === undefined || failures >= MOST_FAILURES || control.signal?.aborted) {
          for (const job of jobs) fail(job, control.signal?.aborted ? stopped(job) : error);
          return;
        }
        fail(one, error);
        left = jobs.filter((job) => job !== one);
      }
    }
  }

  async #runJob(build: string, jobs: readonly ExecutorJob[], control: BuildControl): Promise<void> {
    const first = jobs[0]!;
    const plan = await this.#plan(build, jobs);
    const { api, namespace } = this.#options;
    await this.#sweep();
    const place = { api, namespace, name: plan.job.name, waiter: newWaiter() };
    const signal = control.signal ?? new AbortController().signal;
    const progress = control.progress ?? quiet;
    await progress.step(`Running ${titleOf(jobs)} as Job ${namespace}/${place.name}`, async (step) => {
      for (let attempt = 1; ; attempt++) {
        const done = await this.#attempt(place, plan, jobs, { ...control, signal, step });
        if (done) return;
        if (attempt === MOST_ATTEMPTS) {
          throw new VisibleError(
            `${first.name}: its Job ${namespace}/${place.name} was deleted while it ran`,
            {
              hint: "run the command again",
            },
          );
        }
      }
    });
    for (const job of jobs) await checkOutput(job.work.output);
  }

  /** @returns false where the Job is gone, or its results are */
  async #attempt(
    place: JobPlace,
    plan: Planned,
    jobs: readonly ExecutorJob[],
    control: Parameters<typeof untilComplete>[2],
  ): Promise<boolean> {
    let keep = false;
    let built = false;
    try {
      const wait = { signal: control.signal, note: (text: string) => control.step.note(text) };
      const claim = await patiently("the API server", () => claimJob(place, planJob(plan.job), wait), wait);
      const objects = () => {
        const made = planObjects({ ...plan.objects, owner: ownerOf(claim.job) });
        return patiently("the API server", () => releaseJob(place, made, wait), wait);
      };
      if (claim.prepare) await objects();
      const report = await untilComplete(place, { jobs, prepare: objects }, control, this.#options);
      if (!report) return false;
      built = true;
      const { to } = plan.objects.grant;
      const files = await takeUpload(place.api, to, report, plan.upload, wait);
      if (files)
        await writeOutputs(
          files,
          jobs.map(({ work }) => work),
        );
      return files !== undefined;
    } catch (error) {
      // it can be looked at, or its result be taken by the next update; what belongs to devices goes at once
      const ended = built || (error instanceof JobFailure && error.jobEnded);
      keep = ended && !control.signal.aborted && jobs[0]!.firmware !== undefined;
      throw error;
    } finally {
      // whether it can be left or not, what led here counts
      const last = await leaveJob(place, { keep }).catch(() => false);
      if (last) await plan.upload?.remove().catch(() => {});
    }
  }

  async #plan(build: string, jobs: readonly ExecutorJob[]): Promise<Planned> {
    const { api, namespace, stepsImage, placement = {}, hostNetwork } = this.#options;
    const { container, command, environment, timeLimit, firmware, contentHash, git } = jobs[0]!;
    if (!container) throw new VisibleError(`${jobs[0]!.name} is to run as a Job, but no image is named`);
    const images = { "the builder's image": container.image, "edgeflock:jobSteps": stepsImage ?? "" };
    for (const [what, image] of Object.entries(images)) {
      if (image.startsWith("sha256:") || !IMAGE_BY_DIGEST.test(image)) {
        throw new VisibleError(
          `${jobs[0]!.name}: ${what} is ${image === "" ? "not set" : `${JSON.stringify(image)}, which no node can fetch by its digest`}`,
          { hint: 'name it as "registry.example/name@sha256:…": docs/builders-in-the-cluster.md' },
        );
      }
    }
    const input = await readJobInput(
      jobs.map(({ work }) => work),
      git,
    );
    const secret = jobs.some(({ masked }) => masked.length > 0);
    const seconds = jobSeconds(timeLimit, jobs.length);
    // a result with secrets in it is not for a store that everybody who fetches firmware reads
    const upload =
      firmware && !secret
        ? await this.#options.store?.openUpload?.(build, Math.min(seconds + ROOM_PATIENCE, 7 * 24 * 3600))
        : undefined;
    const name = upload ? nameForStore(build, upload.url) : build;
    const to: UploadGrant["to"] = upload
      ? { kind: "url", url: upload.url }
      : {
          ...{ kind: "objects", namespace, resource: secret || !firmware ? "secrets" : "configmaps" },
          names: outputNames(name, jobs),
        };
    const job: JobPlan = {
      ...{ name, namespace, container, placement, command, environment, timeLimit },
      stepsImage: stepsImage!,
      runs: jobs.length,
      sourceParts: input.source.length,
      usesApi: to.kind === "objects",
      annotations: contentHash === undefined ? {} : { "edgeflock.io/content-hash": contentHash },
      ...(hostNetwork && { hostNetwork }),
    };
    const grant: UploadGrant = { what: firmware ? "firmware" : "config", to };
    const egress: Egress[] = [
      upload
        ? toUrl(upload.url)
        : toApi(await apiEndpoints(api), hostNetwork?.apiPort ?? new URL(api.server).port),
      ...(git ? [toRepository(git)] : []),
      ...(container.network === true ? [{ kind: "anywhere" as const }] : []),
    ];
    return { job, objects: { ...input, grant, egress }, upload };
  }

  async #sweep(): Promise<void> {
    const { api, namespace } = this.#options;
    const key = `${api.server} ${namespace}`;
    if (swept.has(key)) return;
    swept.add(key);
    await sweepAbandoned(api, namespace);
  }
}

/** Enough for a flash full of what cannot be compressed, or for large configurations. */
function outputNames(name: string, jobs: readonly ExecutorJob[]): string[] {
  const { firmware } = jobs[0]!;
  const room = firmware ? (flashSizeBytes(firmware.flashSize) ?? 0) + 2 ** 20 : jobs.length * 2 ** 17;
  const { output } = jobObjectNames(name);
  return Array.from({ length: Math.min(64, Math.ceil(room / PART) + 1) }, (_, index) => output(index));
}

function titleOf(jobs: readonly ExecutorJob[]): string {
  return jobs.length === 1 ? jobs[0]!.name : `${jobs.length} configuration builders`;
}

function stopped(job: ExecutorJob): VisibleError {
  return new VisibleError(`${job.name} was stopped before it was done.`, {
    hint: "nothing was kept of it; run the command again",
    exitCode: 130,
  });
}
