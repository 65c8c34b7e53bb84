// Creates, updates, reads and deletes objects through the API server, and waits for them.
import { setTimeout as sleep } from "node:timers/promises";
import { type KubernetesApi, KubernetesError, type KubernetesObject } from "../../../kubernetes/api.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import type { Step } from "../object-diff.ts";
import type { Properties } from "../property-values.ts";
import { addressOf, annotation, idOf, text } from "./api-object.ts";
import {
  CREATING_MANAGER,
  hasCreatingManager,
  hasManagers,
  leaveIgnored,
  takeOver,
} from "./field-managers.ts";
import { readinessOf } from "./readiness.ts";

export interface Waiting {
  signal: AbortSignal;
  timeoutMs: number;
  /** Told what it waits for, now and then. */
  status(text: string): void;
}

/** As the official plugin waits where the resource says nothing. */
const DEFAULT_TIMEOUT_MS = 600_000;
/** Waits before creating again when the namespace or the kind is not there yet. */
const CREATE_RETRY_MS = [500, 1000, 2000, 4000, 8000];

/** What a resource's options or its annotation say, in milliseconds. */
export function timeoutOf(seconds: number, inputs: Properties): number {
  const wanted = seconds || Number(annotation(inputs, "pulumi.com/timeoutSeconds"));
  return wanted > 0 ? wanted * 1000 : DEFAULT_TIMEOUT_MS;
}

export interface CreateOptions {
  fieldManager: string;
  dryRun: boolean;
  /** Change the object where it exists, instead of failing. */
  upsert: boolean;
  force: boolean;
  /** Ends a wait between tries. A request under way is let finish: its outcome belongs in the state. */
  signal: AbortSignal;
}

export async function createObject(
  api: KubernetesApi,
  object: Properties,
  options: CreateOptions,
): Promise<Properties> {
  for (const wait of [...(options.dryRun ? [] : CREATE_RETRY_MS), undefined]) {
    try {
      return await createOnce(api, object, options);
    } catch (error) {
      const isEarly = isUnknownKind(error) || (error instanceof KubernetesError && error.status === 404);
      if (!isEarly || wait === undefined) throw error;
      await sleep(wait, undefined, { signal: options.signal });
    }
  }
  throw new Error("unreachable: the last try either returns or throws");
}

async function createOnce(
  api: KubernetesApi,
  object: Properties,
  options: CreateOptions,
): Promise<Properties> {
  const { dryRun } = options;
  if (options.upsert) {
    return properties(
      await api.apply(object as unknown as KubernetesObject, {
        fieldManager: options.fieldManager,
        force: options.force || dryRun,
        dryRun,
      }),
    );
  }
  const { name: _, ...place } = addressOf(object).metadata;
  const path = await api.pathOf({ ...addressOf(object), metadata: place });
  return api.request<Properties>("POST", path, {
    body: object,
    query: { fieldManager: CREATING_MANAGER, ...(dryRun && { dryRun: "All" }) },
  });
}

export interface UpdateOptions {
  fieldManager: string;
  dryRun: boolean;
  force: boolean;
  ignored: Step[][];
}

/** @param inputs - what the object should be; changed where fields are ignored */
export async function updateObject(
  api: KubernetesApi,
  liveName: string,
  inputs: Properties,
  options: UpdateOptions,
): Promise<Properties> {
  const { dryRun, fieldManager } = options;
  const address = addressOf(inputs);
  address.metadata.name = liveName;
  let live = properties(await api.get(address));
  if (inputs.kind === "CustomResourceDefinition") {
    const metadata = {
      ...(inputs.metadata as Properties),
      resourceVersion: text(live, "metadata", "resourceVersion"),
    };
    return api.request<Properties>("PUT", await api.pathOf(address), {
      body: { ...inputs, metadata },
      query: { fieldManager, ...(dryRun && { dryRun: "All" }) },
    });
  }
  const fields = dryRun ? undefined : takeOver(live, fieldManager);
  if (fields) {
    live = await api.request<Properties>("PATCH", await api.pathOf(address), {
      contentType: "application/json-patch+json",
      body: [
        { op: "replace", path: "/metadata/managedFields", value: fields },
        {
          op: "replace",
          path: "/metadata/resourceVersion",
          value: text(live, "metadata", "resourceVersion"),
        },
      ],
    });
  }
  leaveIgnored(inputs, live, fieldManager, options.ignored);
  const force = options.force || !hasManagers(live) || (dryRun && hasCreatingManager(live));
  return properties(await api.apply(inputs as unknown as KubernetesObject, { fieldManager, force, dryRun }));
}

/** The live object, or undefined where it or its whole kind is gone. */
export async function readObject(api: KubernetesApi, object: Properties): Promise<Properties | undefined> {
  try {
    const live = await api.getOrUndefined(addressOf(object));
    return live && properties(live);
  } catch (error) {
    if (isUnknownKind(error)) return undefined;
    throw error;
  }
}

/** Deletes the object and waits until it is gone. */
export async function deleteObject(
  api: KubernetesApi,
  live: Properties,
  inputs: Properties,
  waiting: Waiting,
): Promise<void> {
  const address = addressOf(live);
  let uid: string | undefined;
  try {
    const answer = await api.delete<Properties>(address, { propagationPolicy: propagation(inputs) });
    uid = text(answer, "details", "uid") || text(answer, "metadata", "uid");
  } catch (error) {
    if (isUnknownKind(error) || (error instanceof KubernetesError && error.status === 404)) return;
    throw error;
  }
  if (annotation(inputs, "pulumi.com/skipAwait") === "true" && SKIPS_WAITING.has(address.kind)) return;
  await poll(waiting, async () => {
    const left = await readObject(api, live);
    if (!left || (uid && text(left, "metadata", "uid") !== uid)) return undefined;
    const finalizers = (left.metadata as { finalizers?: string[] }).finalizers ?? [];
    const namespaceFinalizers = (left.spec as { finalizers?: string[] } | undefined)?.finalizers ?? [];
    const holding = [...finalizers, ...(address.kind === "Namespace" ? namespaceFinalizers : [])].join(", ");
    return `waiting for ${address.kind} ${idOf(live)} to be gone${holding && `; held by the finalizers ${holding}`}`;
  });
}

/** Kinds for which the official plugin lets the annotation skip the wait for a delete too. */
const SKIPS_WAITING = new Set([
  ...["Namespace", "Pod", "ReplicationController", "DaemonSet", "Deployment", "StatefulSet", "Job"],
]);

function propagation(inputs: Properties): "Foreground" | "Background" | "Orphan" {
  const wanted = annotation(inputs, "pulumi.com/deletionPropagationPolicy").toLowerCase();
  return wanted === "orphan" ? "Orphan" : wanted === "background" ? "Background" : "Foreground";
}

/** Waits until the object is ready and gives it as it is then. @throws VisibleError where it will not be */
export async function waitUntilReady(
  api: KubernetesApi,
  object: Properties,
  waiting: Waiting,
): Promise<Properties> {
  if (annotation(object, "pulumi.com/skipAwait") === "true" || readinessOf(object).ready) return object;
  let live = object;
  await poll(waiting, async () => {
    live = (await readObject(api, object)) ?? live;
    const { ready, failed, reason } = readinessOf(live);
    if (failed) throw new VisibleError(`${text(live, "kind")} ${idOf(live)} failed: ${reason}`);
    return ready ? undefined : `waiting for ${text(live, "kind")} ${idOf(live)}: ${reason}`;
  });
  return live;
}

/** Asks until there is nothing left to wait for, more and more rarely, up to once a second. */
async function poll(waiting: Waiting, missing: () => Promise<string | undefined>): Promise<void> {
  const end = Date.now() + waiting.timeoutMs;
  let told = "";
  for (let pause = 25; ; pause = Math.min(1000, pause * 2)) {
    const reason = await missing();
    if (reason === undefined) break;
    if (Date.now() > end) {
      throw new VisibleError(`Gave up after ${Math.round(waiting.timeoutMs / 1000)} s ${reason}.`, {
        hint: "A longer time is set by the resource's option customTimeouts.",
      });
    }
    if (pause === 1000 && reason !== told) {
      waiting.status(reason);
      told = reason;
    }
    await sleep(pause, undefined, { signal: waiting.signal });
  }
  if (told) waiting.status("");
}

/** Whether the API server has no such kind: its definition is not there yet, or not any more. */
export function isUnknownKind(error: unknown): boolean {
  return error instanceof VisibleError && error.message.includes("knows no kind");
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof VisibleError && !isUnknownKind(error) && error.cause !== undefined;
}

function properties(object: KubernetesObject): Properties {
  return object as unknown as Properties;
}
