// Waits for a builder's Job to its end, and tells meanwhile what it says and what holds it up. Asks the API server;
// writes a log into the cache folder.
import { setTimeout as sleep } from "node:timers/promises";
import { KubernetesError } from "../../kubernetes/api.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { ProgressStep } from "../../toolchain/progress.ts";
import type { BuildControl, ExecutorJob } from "../contract.ts";
import { BuildLog } from "../executors/build-log.ts";
import { DEFAULT_LIMITS } from "../executors/container.ts";
import { Masking } from "../executors/masking.ts";
import { OutputLines } from "../executors/output-lines.ts";
import { CONTAINERS, type UploadReport } from "./contract.ts";
import { getJob, type JobPlace, podsOf, postponeDeadline, renewWait } from "./job-objects.ts";
import {
  cannotStart,
  containersOf,
  explainFailure,
  type Failure,
  hindrance,
  type JobObject,
  newestFirst,
  outcomeOf,
  overdue,
  type PodObject,
  runOf,
} from "./job-status.ts";
import { isAway } from "./patience.ts";
import { jobSeconds } from "./plan-job.ts";
import { followLog } from "./pod-log.ts";
import { type PodRefusal, podRefusal } from "./quota.ts";
import { reportOf } from "./take-output.ts";
import { othersWait, RENEW_EVERY } from "./waiters.ts";

export interface Waited {
  jobs: readonly ExecutorJob[];
  /** Makes what the Job needs, in the place of whoever began it and is gone. */
  prepare(): Promise<void>;
}

interface WaitControl extends BuildControl {
  signal: AbortSignal;
  step: ProgressStep;
}

/** The builder itself failed, not what is around it. */
export class JobFailure extends VisibleError {
  readonly run: number | undefined;
  /** Whether the Job has come to its end by itself. */
  readonly jobEnded: boolean;
  constructor(message: string, failure: Failure & { short: string }, jobEnded: boolean) {
    const { hint, short } = failure;
    super(message, { short, ...(hint !== undefined && { hint }) });
    this.run = failure.run;
    this.jobEnded = jobEnded;
  }
}

const LOOK_EVERY = 500;
/** An image that is not there yet may come, and whoever refuses a pod may change its mind (ms). */
const STUCK_PATIENCE = 60_000;
/** Milliseconds. */
const ASK_EVERY = 5_000;
/** Kubelet itself looks once a second, and the pod of many runs is large. */
const LOOK_EVERY_OF_MANY = 1_000;

/**
 * @returns what was uploaded; undefined where the Job is gone
 * @throws JobFailure with the last lines of output and the path of the whole log
 */
export async function untilComplete(
  place: JobPlace,
  { jobs, prepare }: Waited,
  control: WaitControl,
  options: { logFolder?: string },
): Promise<UploadReport | undefined> {
  const log = await BuildLog.open(jobs[0]!.name, options.logFolder);
  const watching = new Watch(place, jobs, log, control);
  try {
    return await watching.run(prepare);
  } finally {
    await watching.end();
    await log.close();
  }
}

class Watch {
  readonly #place: JobPlace;
  readonly #jobs: readonly ExecutorJob[];
  readonly #log: BuildLog;
  readonly #control: WaitControl;
  readonly #over = new AbortController();
  readonly #followed = new Map<string, Promise<void>>();
  #renewed = Date.now();
  #heardFrom = Date.now();
  #stuckSince: number | undefined;
  #lost = new Set<string>();
  #refusal: PodRefusal | undefined;
  #asked = Date.now();

  constructor(place: JobPlace, jobs: readonly ExecutorJob[], log: BuildLog, control: WaitControl) {
    this.#place = place;
    this.#jobs = jobs;
    this.#log = log;
    this.#control = control;
  }

  async run(prepare: () => Promise<void>): Promise<UploadReport | undefined> {
    const { signal, step } = this.#control;
    for (;;) {
      signal.throwIfAborted();
      const seen = await this.#look();
      if (seen === "gone") return undefined;
      if (seen !== "away") {
        const { job, pods } = seen;
        if (job.spec.suspend && !othersWait(job.metadata.annotations, this.#place.waiter)) await prepare();
        this.#follow(pods);
        this.#tellLost(pods);
        const end = await this.#judge(job, pods);
        if (end) return end.report;
        const held = hindrance(newestFirst(pods)[0]) ?? this.#refusal?.why;
        if (held) step.note(held);
      }
      await sleep(this.#jobs.length > 1 ? LOOK_EVERY_OF_MANY : LOOK_EVERY, undefined, { signal });
    }
  }

  async end(): Promise<void> {
    this.#over.abort();
    await Promise.allSettled(this.#followed.values());
  }

  async #look(): Promise<{ job: JobObject; pods: PodObject[] } | "gone" | "away"> {
    try {
      if (Date.now() - this.#renewed > RENEW_EVERY) {
        await renewWait(this.#place);
        this.#renewed = Date.now();
      }
      const job = await getJob(this.#place);
      const pods = job ? await podsOf(this.#place, job) : [];
      this.#heardFrom = Date.now();
      if (!job || job.metadata.deletionTimestamp !== undefined) return "gone";
      await this.#lookForRefusal(job, pods);
      return { job, pods };
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 404) return "gone";
      if (!isAway(error, Date.now() - this.#heardFrom)) throw error;
      this.#control.step.note("the API server does not answer; the Job goes on");
      return "away";
    }
  }

  /** A Job that has no pod says nothing of why; and its deadline is not for waiting in its namespace's queue. */
  async #lookForRefusal(job: JobObject, pods: readonly PodObject[]): Promise<void> {
    if (Date.now() - this.#asked < ASK_EVERY) return;
    this.#asked = Date.now();
    this.#refusal = await podRefusal(this.#place.api, job, pods);
    const { timeLimit } = this.#jobs[0]!;
    if (this.#refusal?.overQuota)
      await postponeDeadline(this.#place, job, jobSeconds(timeLimit, this.#jobs.length));
  }

  /** A log that is followed goes on by itself; what ended before it was looked at is still there. */
  #follow(pods: readonly PodObject[]): void {
    for (const pod of pods) {
      for (const { name, state } of containersOf(pod)) {
        const key = `${pod.metadata.uid} ${name}`;
        if (this.#followed.has(key) || !(state.running || state.terminated)) continue;
        const reading = this.#read(pod.metadata.name, name).catch((error: Error) => {
          // the build goes on without; where this machine cannot keep its result either, that will be told
          this.#control.step.note(`its output is not kept: ${error.message}`);
        });
        this.#followed.set(key, reading);
      }
    }
  }

  async #read(pod: string, container: string): Promise<void> {
    const run = runOf(container);
    const job = run === undefined ? undefined : this.#jobs[run];
    const { api, namespace } = this.#place;
    const lines = new OutputLines(new Masking((job ? [job] : this.#jobs).flatMap(({ masked }) => masked)));
    const take = async (ready: string[]): Promise<void> => {
      const last = ready.at(-1);
      if (last === undefined) return;
      this.#control.step.note(last);
      // what the upload says is no build's, and would hide its last lines
      if (container !== CONTAINERS.upload) await this.#log.write(ready);
      job?.heard?.(ready);
    };
    await followLog(
      api,
      { namespace, pod, container },
      async (text) => await take(lines.push(Buffer.from(text))),
      this.#over.signal,
    );
    await take(lines.end());
  }

  #tellLost(pods: readonly PodObject[]): void {
    for (const { metadata, status } of pods) {
      const target = status?.conditions?.find(({ type }) => type === "DisruptionTarget");
      if (!target || this.#lost.has(metadata.name)) continue;
      this.#lost.add(metadata.name);
      const why = target.message ?? target.reason ?? "its node wanted it gone";
      this.#control.progress?.say(`The pod ${metadata.name} is lost (${why}); another one takes its place.`);
    }
  }

  /** @returns undefined while it runs */
  async #judge(
    job: JobObject,
    pods: readonly PodObject[],
  ): Promise<{ report: UploadReport | undefined } | undefined> {
    const outcome = outcomeOf(job);
    if (outcome === "complete") return { report: reportOf(pods) };
    const failure = outcome === "failed" ? this.#failure(job, pods) : this.#failsForSure(pods);
    if (!failure) return undefined;
    await this.#drain();
    const { namespace } = this.#place;
    const name = failure.run === undefined ? this.#jobs[0]!.name : this.#jobs[failure.run]!.name;
    const where = `\nThe whole log: ${this.#log.path}`;
    throw new JobFailure(
      `${name} ${failure.how} (Job ${namespace}/${job.metadata.name}).${this.#log.lastLines()}${where}`,
      { ...failure, short: this.#log.shortly(`${name} ${failure.how}`) },
      outcome === "failed",
    );
  }

  /** What Kubernetes would only find out later, or never. */
  #failsForSure(pods: readonly PodObject[]): Failure | undefined {
    const [pod] = newestFirst(pods);
    if (!pod) return this.#stuck(this.#refusal?.overQuota === false ? this.#refusal.why : undefined);
    const { timeLimit } = this.#jobs[0]!;
    const run = overdue(pod, timeLimit);
    if (run !== undefined) {
      const shown = timeLimit < 60_000 ? `${timeLimit / 1000} s` : `${Math.round(timeLimit / 60_000)} min`;
      return {
        run,
        how: `did not end within ${shown} and was stopped`,
        hint: "the last lines say what it was doing",
      };
    }
    const memory = this.#jobs[0]!.container?.memory ?? DEFAULT_LIMITS.memory;
    const killed = containersOf(pod).some(({ state }) => state.terminated?.reason === "OOMKilled");
    if (killed) return explainFailure({ metadata: {} } as JobObject, [pod], memory);
    const hint = "can the node fetch the image from its registry by that digest?";
    return this.#stuck(cannotStart(pod) ? hindrance(pod) : undefined, hint);
  }

  #stuck(why: string | undefined, hint?: string): Failure | undefined {
    this.#stuckSince = why === undefined ? undefined : (this.#stuckSince ?? Date.now());
    if (this.#stuckSince === undefined || Date.now() - this.#stuckSince < STUCK_PATIENCE) return undefined;
    return { how: `cannot start: ${why}`, ...(hint !== undefined && { hint }) };
  }

  #failure(job: JobObject, pods: readonly PodObject[]): Failure {
    return explainFailure(job, pods, this.#jobs[0]!.container?.memory ?? DEFAULT_LIMITS.memory);
  }

  /** The last lines may be on their way still. */
  async #drain(): Promise<void> {
    const all = Promise.allSettled(this.#followed.values());
    const patience = new AbortController();
    await Promise.race([all, sleep(3000, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
  }
}
