// What a namespace has no room for at the moment (ResourceQuota): told, and tried again until it has. Asks the API
// server.
// https://kubernetes.io/docs/concepts/policy/resource-quotas/
import { setTimeout as sleep } from "node:timers/promises";
import { type KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";
import { type JobObject, newestFirst, type PodObject } from "./job-status.ts";
import type { Waiting } from "./patience.ts";

export interface QuotaWait extends Waiting {
  /** Done between two tries. */
  meanwhile?(): Promise<void>;
}

/** Milliseconds. */
const AGAIN_AFTER = 3_000;

/** A quota that is new has no count yet, which the server tells in other words. */
const OVER_QUOTA = /exceeded quota|status unknown for quota/;

/** Does what a quota may refuse, until none does. */
export async function whenRoom<T>(attempt: () => Promise<T>, wait: QuotaWait): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const refused = error instanceof KubernetesError && error.status === 403;
      if (!refused || !OVER_QUOTA.test(error.message)) throw error;
      wait.note(waitingFor(error.message));
      await wait.meanwhile?.();
      await sleep(AGAIN_AFTER, undefined, { signal: wait.signal });
    }
  }
}

/** Why a Job has no pod that lives. */
export interface PodRefusal {
  /** Words for people. */
  why: string;
  /** It passes by itself. */
  overQuota: boolean;
}

interface EventObject {
  message?: string;
  lastTimestamp?: string | null;
}

/** Undefined where its pod is on its way, or nobody may tell. */
export async function podRefusal(
  api: KubernetesApi,
  job: JobObject,
  pods: readonly PodObject[],
): Promise<PodRefusal | undefined> {
  if (job.spec.suspend || pods.some(({ status }) => !/^(Failed|Succeeded)$/.test(status?.phase ?? "")))
    return undefined;
  const { namespace, uid } = job.metadata;
  const fieldSelector = `involvedObject.uid=${uid},reason=FailedCreate`;
  const path = `/api/v1/namespaces/${namespace}/events`;
  const { items } = await api
    .request<{ items: EventObject[] | null }>("GET", path, { query: { fieldSelector } })
    .catch((error: unknown) => {
      if (error instanceof KubernetesError && error.status === 403) return { items: null };
      throw error;
    });
  // what was in the way of a pod that is lost meanwhile says nothing of the next one
  const since = String(newestFirst(pods)[0]?.metadata.creationTimestamp ?? "");
  const message = (items ?? [])
    .filter(({ lastTimestamp }) => (lastTimestamp ?? "") >= since)
    .sort((a, b) => ((a.lastTimestamp ?? "") < (b.lastTimestamp ?? "") ? 1 : -1))[0]?.message;
  if (message === undefined) return undefined;
  const overQuota = OVER_QUOTA.test(message);
  return { why: overQuota ? waitingFor(message) : `no pod: ${message}`, overQuota };
}

/** `Error creating: pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1` */
function waitingFor(message: string): string {
  return `waiting for room in its namespace: ${/(?:exceeded|status unknown for) quota.*/.exec(message)?.[0] ?? message}`;
}
