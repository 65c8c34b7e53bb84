// What Kubernetes says of a Job and its pods, and what that means for whoever waits. Pure.
import type { KubernetesObject } from "../../kubernetes/api.ts";
import { buildContainer, CONTAINERS } from "./contract.ts";

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

interface ContainerState {
  waiting?: { reason?: string; message?: string };
  running?: { startedAt?: string };
  terminated?: { exitCode: number; reason?: string; message?: string };
}

export interface JobObject extends KubernetesObject {
  spec: { suspend?: boolean };
  status?: { conditions?: Condition[]; startTime?: string };
}

export interface PodObject extends KubernetesObject {
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: Condition[];
    initContainerStatuses?: { name: string; state?: ContainerState }[];
    containerStatuses?: { name: string; state?: ContainerState }[];
  };
}

export type JobOutcome = "running" | "complete" | "failed";

export function outcomeOf({ status }: JobObject): JobOutcome {
  const is = (type: string): boolean =>
    status?.conditions?.some((one) => one.type === type && one.status === "True") === true;
  if (is("Complete")) return "complete";
  return is("Failed") ? "failed" : "running";
}

export function containersOf(pod: PodObject): { name: string; state: ContainerState }[] {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  return [...initContainerStatuses, ...containerStatuses].map(({ name, state = {} }) => ({ name, state }));
}

/** The newest first. */
export function newestFirst(pods: readonly PodObject[]): PodObject[] {
  const born = ({ metadata }: PodObject): string => String(metadata.creationTimestamp ?? "");
  return [...pods].sort((a, b) => (born(a) < born(b) ? 1 : -1));
}

/** What holds the pod up, in words for people; undefined where it is on its way. */
export function hindrance(pod: PodObject | undefined): string | undefined {
  if (!pod) return undefined;
  const unscheduled = pod.status?.conditions?.find(
    (one) => one.type === "PodScheduled" && one.status === "False",
  );
  if (unscheduled) return `waiting for a node: ${unscheduled.message ?? unscheduled.reason ?? ""}`;
  const waiting = containersOf(pod).find(({ state }) => NO_IMAGE.test(state.waiting?.reason ?? ""));
  return waiting && `${waiting.name}: ${waiting.state.waiting?.message ?? waiting.state.waiting?.reason}`;
}

const NO_IMAGE = /^(ErrImage\w*|ImagePullBackOff|InvalidImageName|CreateContainer\w*Error)$/;

/** Whether a container cannot start: its image is not to be had, or it does not fit the pod. */
export function cannotStart(pod: PodObject): boolean {
  return containersOf(pod).some(({ state }) => NO_IMAGE.test(state.waiting?.reason ?? ""));
}

export interface Failure {
  /** Which run of the builder; undefined where it was none of them. */
  run?: number;
  /** "failed with exit code 3" */
  how: string;
  hint?: string;
}

/** @param memory limit of the builder, as the manifest has it */
export function explainFailure(job: JobObject, pods: readonly PodObject[], memory: string): Failure {
  const deadline = job.status?.conditions?.find(({ reason }) => reason === "DeadlineExceeded");
  for (const pod of newestFirst(pods)) {
    const failure = failureOf(pod, memory);
    if (failure && !(deadline && failure.how === ENDED)) return failure;
  }
  if (deadline) {
    return {
      how: "did not end before its Job's deadline and was stopped",
      hint: "was there a node for it? raise timeLimitMinutes",
    };
  }
  const condition = job.status?.conditions?.find(({ type }) => type === "Failed");
  return {
    how: `failed: ${condition?.message ?? condition?.reason ?? "its Job says no more"}`,
    hint: `"kubectl -n ${job.metadata.namespace} describe job ${job.metadata.name}" says more`,
  };
}

const ENDED = "was ended by force";

function failureOf(pod: PodObject, memory: string): Failure | undefined {
  const failed = containersOf(pod).find(({ state }) => (state.terminated?.exitCode ?? 0) !== 0);
  const terminated = failed?.state.terminated;
  if (!failed || !terminated) {
    const { phase, reason, message } = pod.status ?? {};
    return phase === "Failed" && reason !== undefined
      ? { how: `lost its pod: ${message ?? reason}` }
      : undefined;
  }
  const run = runOf(failed.name);
  if (terminated.reason === "OOMKilled") {
    return run === undefined
      ? { how: `ran out of memory in its step ${failed.name}` }
      : {
          run,
          how: `needed more memory than ${memory} and was ended`,
          hint: "raise the memory of its container in the class's manifest",
        };
  }
  if (terminated.reason === "StartError" || terminated.exitCode === 128) {
    return {
      ...(run !== undefined && { run }),
      how: `could not be started in its container: ${(terminated.message ?? "").slice(0, 500)}`,
      hint: "correct the command, or leave it out: the image's own entry point is run then",
    };
  }
  if (run === undefined) {
    const what = failed.name === CONTAINERS.prepare ? "could not be given its input" : "could not upload";
    return { how: `${what}: ${(terminated.message ?? "").trim().slice(-1000)}` };
  }
  return terminated.exitCode === 137 || terminated.exitCode === 143
    ? { run, how: ENDED }
    : { run, how: `failed with exit code ${terminated.exitCode}` };
}

export function runOf(container: string): number | undefined {
  const [, digits] = /^build-(\d+)$/.exec(container) ?? [];
  return digits !== undefined && container === buildContainer(Number(digits)) ? Number(digits) : undefined;
}

/** The run whose container is at work for longer than it may be. */
export function overdue(pod: PodObject, timeLimit: number, now: number = Date.now()): number | undefined {
  const late = containersOf(pod).find(
    ({ name, state }) =>
      runOf(name) !== undefined && now - Date.parse(state.running?.startedAt ?? "") > timeLimit,
  );
  return late && runOf(late.name);
}
