// Events on objects, for people who look there: `kubectl describe`. Writes events.k8s.io/v1 objects; what was said
// before is counted on (a series), not said again. Never throws: an update must not fail for want of an Event.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { type KubernetesApi, KubernetesError } from "./api.ts";

export interface Regarding {
  apiVersion: string;
  kind: string;
  name: string;
  /** Not for what is in none. */
  namespace?: string;
  uid?: string;
}

export interface Occurrence {
  type: "Normal" | "Warning";
  /** Why, for programs: one word in CamelCase. */
  reason: string;
  /** What was being done: one word in CamelCase. */
  action: string;
  /** For people; never the value of a secret. */
  note: string;
}

/** Who says so, as `kubectl describe` shows it. */
export type Reporter = "edgeflock.io/update" | "edgeflock.io/reconciler";

const API = "events.k8s.io/v1";
/** Bytes of UTF-8, as the server counts them. */
const LONGEST_NOTE = 1024;
const LONGEST_INSTANCE = 128;
/** Nobody waits longer for it than this. */
const TIMEOUT_MS = 5_000;
/** Rights are given later, and a namespace that is gone comes back. */
const REFUSED_MS = 10 * 60_000;
/** Where events about objects without a namespace go. */
const CLUSTER_NAMESPACE = "default";

export class EventRecorder {
  readonly #reporter: Reporter;
  /** Until when it is not tried again in a namespace: it may not there, or the server has no Events. */
  readonly #refused = new Map<string, number>();

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  async record(api: KubernetesApi, regarding: Regarding, occurrence: Occurrence): Promise<void> {
    const event = eventFor(regarding, occurrence, this.#reporter, new Date());
    const { namespace } = event.metadata;
    if (Date.now() < (this.#refused.get(namespace) ?? 0)) return;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const path = `/apis/${API}/namespaces/${namespace}/events`;
      await api.request("POST", path, { body: event, signal }).catch((error: unknown) => {
        if (!isConflict(error)) throw error;
        return countOn(api, `${path}/${event.metadata.name}`, event.eventTime, signal);
      });
    } catch (error) {
      if (error instanceof KubernetesError && [403, 404].includes(error.status)) {
        this.#refused.set(namespace, Date.now() + REFUSED_MS);
      }
    }
  }
}

/** The same is called the same: then the server itself knows that it was said before. Pure. */
export function eventFor(regarding: Regarding, occurrence: Occurrence, reporter: Reporter, now: Date) {
  const { type, reason, action } = occurrence;
  const note = cut(occurrence.note, LONGEST_NOTE);
  const identity = JSON.stringify([regarding, type, reason, action, note, reporter]);
  const hash = createHash("sha256").update(identity).digest("hex").slice(0, 16);
  return {
    apiVersion: API,
    kind: "Event",
    metadata: { name: `${regarding.name}.${hash}`, namespace: regarding.namespace ?? CLUSTER_NAMESPACE },
    eventTime: now.toISOString().replace("Z", "000Z"),
    type,
    reason,
    action,
    note,
    regarding,
    reportingController: reporter,
    reportingInstance: cut(`${hostname()}-${process.pid}`, LONGEST_INSTANCE),
  };
}

async function countOn(api: KubernetesApi, path: string, now: string, signal: AbortSignal): Promise<void> {
  const live = await api.request<{ series?: { count?: number } }>("GET", path, { signal });
  const count = (live.series?.count ?? 1) + 1;
  await api.request("PATCH", path, {
    body: { series: { count, lastObservedTime: now } },
    contentType: "application/merge-patch+json",
    signal,
  });
}

function isConflict(error: unknown): boolean {
  return error instanceof KubernetesError && error.reason === "AlreadyExists";
}

/** At most so many bytes, without half a character at its end. */
function cut(text: string, longest: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= longest) return text;
  const ellipsis = "…";
  const kept = bytes.subarray(0, longest - Buffer.byteLength(ellipsis)).toString("utf8");
  return `${kept.replace(/\ufffd+$/, "")}${ellipsis}`;
}
