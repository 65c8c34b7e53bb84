// A builder's Job in the cluster: made, joined, looked at, left. Asks the API server.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { type KubernetesApi, KubernetesError, type KubernetesObject } from "../../kubernetes/api.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { JOB_LABEL } from "./contract.ts";
import { type JobObject, outcomeOf, type PodObject } from "./job-status.ts";
import { isConfigJob } from "./names.ts";
import type { JobOwner } from "./plan-objects.ts";
import { type QuotaWait, whenRoom } from "./quota.ts";
import { othersWait, signOfLife } from "./waiters.ts";

export interface JobPlace {
  api: KubernetesApi;
  namespace: string;
  name: string;
  /** Annotation of whoever waits here. */
  waiter: string;
}

/** What has to be done with the Job that is there now. */
export type Claim = { job: JobObject; prepare: boolean };

const FIELD_MANAGER = "edgeflock-builder";
const AGAIN_AFTER = 300;
/** Somebody else changed the object at the same moment. Nobody is unlucky that often. */
const MOST_TRIES = 200;

/**
 * The Job of that name with this process among those that wait for it: somebody else's that runs, or one made now.
 * @param plan suspended
 */
export async function claimJob(place: JobPlace, plan: KubernetesObject, wait: QuotaWait): Promise<Claim> {
  const { signal } = wait;
  for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
    signal.throwIfAborted();
    const claim = await whenRoom(() => tryClaim(place, plan), wait);
    if (claim) return claim;
    await sleep(AGAIN_AFTER, undefined, { signal });
  }
  throw new VisibleError(`Job ${place.namespace}/${place.name} is changed by somebody else all the time`);
}

async function tryClaim(place: JobPlace, plan: KubernetesObject): Promise<Claim | undefined> {
  const { api, waiter } = place;
  const found = await getJob(place);
  if (!found) return await create(place, plan);
  if (found.metadata.deletionTimestamp !== undefined) return undefined;
  const same = await worksAlike(api, found, plan);
  if (outcomeOf(found) === "failed" || (!same && outcomeOf(found) === "complete")) {
    // a failure that somebody has told of already, or a result of something else
    await remove(place, found);
    return undefined;
  }
  if (!same) throw otherWork(place);
  const suspended = found.spec.suspend === true;
  const annotations = { ...found.metadata.annotations, ...signOfLife(waiter) };
  try {
    const joined: KubernetesObject = { ...found, metadata: { ...found.metadata, annotations } };
    const job = await api.replace<JobObject>(joined);
    // whoever made it may be at work on it, or gone
    return suspended && othersWait(found.metadata.annotations, waiter)
      ? { job, prepare: false }
      : { job, prepare: suspended };
  } catch (error) {
    if (isStatus(error, 404) || isStatus(error, 409)) return undefined;
    throw error;
  }
}

/**
 * Whoever takes the results of a Job takes the word of what ran in it: its pods have to be what would be run here, down
 * to each volume. The server says what it would make of the plan, with all that it fills in.
 */
async function worksAlike(api: KubernetesApi, found: JobObject, plan: KubernetesObject): Promise<boolean> {
  const name = `compare-${randomBytes(8).toString("hex")}`;
  const other = { ...plan, metadata: { ...plan.metadata, name } };
  const planned = await api.create<JobObject>(other, { fieldManager: FIELD_MANAGER, dryRun: true });
  return isDeepStrictEqual(workOf(found), workOf(planned));
}

interface PodSpec {
  initContainers: { resources?: unknown }[];
  containers: { resources?: unknown }[];
  [field: string]: unknown;
}

/** All that decides what comes out; where it runs, and with how much memory, does not. */
function workOf({ spec }: JobObject): unknown {
  const { initContainers, containers, ...pod } = (spec as unknown as { template: { spec: PodSpec } }).template
    .spec;
  for (const field of ["nodeSelector", "priority", "priorityClassName", "preemptionPolicy"])
    delete pod[field];
  const all = [...initContainers, ...containers].map(({ resources: _, ...container }) => container);
  return { ...pod, all };
}

function otherWork({ namespace, name }: JobPlace): VisibleError {
  return new VisibleError(`Job ${namespace}/${name} runs already, and does something else than this build`, {
    hint: `is it of another version of Edgeflock, or with another edgeflock:jobSteps? wait for it, or "kubectl -n ${namespace} delete job ${name}"`,
  });
}

async function create({ api, waiter }: JobPlace, plan: KubernetesObject): Promise<Claim | undefined> {
  const annotations = { ...plan.metadata.annotations, ...signOfLife(waiter) };
  const object = { ...plan, metadata: { ...plan.metadata, annotations } };
  try {
    return { job: await api.create<JobObject>(object, { fieldManager: FIELD_MANAGER }), prepare: true };
  } catch (error) {
    if (isStatus(error, 409)) return undefined;
    throw error;
  }
}

/** Makes what the Job needs, and lets its pod start. Safe to do again. */
export async function releaseJob(
  place: JobPlace,
  objects: readonly KubernetesObject[],
  wait: QuotaWait,
): Promise<void> {
  const { api } = place;
  const waiting = { ...wait, meanwhile: () => renewWait(place) };
  const make = async (object: KubernetesObject) => {
    try {
      await whenRoom(() => api.create(object, { fieldManager: FIELD_MANAGER }), waiting);
    } catch (error) {
      if (!isStatus(error, 409)) throw error;
      await whenRoom(() => replaceOfGoneJob(api, object), waiting);
    }
  };
  // whoever is no administrator binds a Role only once it is there to be looked at
  const binds = ({ kind }: KubernetesObject): boolean => kind === "RoleBinding";
  await Promise.all(objects.filter((object) => !binds(object)).map(make));
  await Promise.all(objects.filter(binds).map(make));
  await patchJob(place, { spec: { suspend: false } });
}

/** What an earlier Job of the name left is on its way out: it belongs to another UID. */
async function replaceOfGoneJob(api: KubernetesApi, object: KubernetesObject): Promise<void> {
  const ownerOf = ({ metadata }: KubernetesObject): string | undefined =>
    (metadata.ownerReferences as { uid: string }[] | undefined)?.[0]?.uid;
  const there = await api.getOrUndefined<KubernetesObject>(object);
  if (there && ownerOf(there) === ownerOf(object)) return;
  if (there?.metadata.labels?.[JOB_LABEL] === undefined && there) {
    throw new VisibleError(
      `${object.kind} ${object.metadata.namespace}/${object.metadata.name} exists already and is no builder's.`,
    );
  }
  if (there) await api.delete(there, { uid: there.metadata.uid! }).catch(ignoreGone);
  await api.create(object, { fieldManager: FIELD_MANAGER });
}

export async function renewWait(place: JobPlace): Promise<void> {
  await patchJob(place, { metadata: { annotations: signOfLife(place.waiter) } });
}

/** Gives it as many seconds from now on as it had from its start. */
export async function postponeDeadline(place: JobPlace, job: JobObject, seconds: number): Promise<void> {
  const started = Date.parse(job.status?.startTime ?? "");
  if (Number.isNaN(started)) return;
  const activeDeadlineSeconds = Math.ceil((Date.now() - started) / 1000) + seconds;
  await patchJob(place, { spec: { activeDeadlineSeconds } });
}

/**
 * This process no longer waits; where nobody else does, the Job goes as well, unless it is to be looked at.
 * @returns whether nobody waits for it any more
 */
export async function leaveJob(place: JobPlace, { keep = false } = {}): Promise<boolean> {
  for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
    const job = await getJob(place);
    if (!job) return true;
    if (job.metadata.annotations?.[place.waiter] === undefined) return false;
    const annotations = { ...job.metadata.annotations };
    delete annotations[place.waiter];
    try {
      if (!keep && !othersWait(annotations, place.waiter)) {
        await remove(place, job);
        return true;
      }
      const left: KubernetesObject = { ...job, metadata: { ...job.metadata, annotations } };
      await place.api.replace(left);
      return false;
    } catch (error) {
      if (isStatus(error, 404)) return true;
      if (!isStatus(error, 409)) throw error;
    }
  }
  return false;
}

/** Only as it was seen: somebody may have joined since. */
async function remove({ api, namespace, name }: JobPlace, job: JobObject): Promise<void> {
  const { uid, resourceVersion } = job.metadata;
  const address = { apiVersion: "batch/v1", kind: "Job", metadata: { name, namespace } };
  await api.delete(address, {
    propagationPolicy: "Background",
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  });
}

/**
 * Jobs of processes that are gone: those that were never let start, which nothing else would remove, and those whose
 * results nobody can take any more. Firmware that is being built goes on: the next update takes it.
 */
export async function sweepAbandoned(api: KubernetesApi, namespace: string): Promise<void> {
  const jobs = await api.list<JobObject>(
    { apiVersion: "batch/v1", kind: "Job", namespace },
    { labelSelector: JOB_LABEL },
  );
  for (const job of jobs) {
    const { name, annotations } = job.metadata;
    if (!(job.spec.suspend || isConfigJob(name)) || othersWait(annotations, "")) continue;
    await remove({ api, namespace, name, waiter: "" }, job).catch(ignoreGone);
  }
}

export function getJob({ api, namespace, name }: Omit<JobPlace, "waiter">): Promise<JobObject | undefined> {
  return api.getOrUndefined<JobObject>({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace },
  });
}

/** Those that its controller made: a label anybody can give. */
export async function podsOf(
  { api, namespace, name }: JobPlace,
  { metadata }: JobObject,
): Promise<PodObject[]> {
  const pods = await api.list<PodObject>(
    { apiVersion: "v1", kind: "Pod", namespace },
    { labelSelector: `${JOB_LABEL}=${name}` },
  );
  return pods.filter((pod) => {
    const owners = pod.metadata.ownerReferences as { uid: string; controller?: boolean }[] | undefined;
    return owners?.some(({ uid, controller }) => uid === metadata.uid && controller === true);
  });
}

export function ownerOf(job: JobObject): JobOwner {
  const { name, namespace, uid } = job.metadata;
  return { name, namespace: namespace!, uid: uid! };
}

async function patchJob({ api, namespace, name }: Omit<JobPlace, "waiter">, body: unknown): Promise<void> {
  const path = await api.pathOf({ apiVersion: "batch/v1", kind: "Job", metadata: { name, namespace } });
  const query = { fieldManager: FIELD_MANAGER };
  await api.request("PATCH", path, { body, contentType: "application/merge-patch+json", query });
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof KubernetesError && error.status === status;
}

function ignoreGone(error: unknown): void {
  if (!isStatus(error, 404) && !isStatus(error, 409)) throw error;
}
