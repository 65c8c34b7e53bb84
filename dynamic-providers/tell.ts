// Tells what became of a device or class: as an Event on its custom resource, or where it has none on the object that is
// there; and, where an update is run by the reconciler, in a file for that. Asks the API server; appends to that file.
import { appendFile } from "node:fs/promises";
import type { KubernetesApi, KubernetesObject } from "../kubernetes/api.ts";
import { declaredUids } from "../kubernetes/declared-objects.ts";
import { EventRecorder, type Occurrence, type Regarding } from "../kubernetes/events.ts";
import { API_VERSION, type Kind } from "../model/names.ts";
import { VisibleError } from "../model/visible-error.ts";

/** Names the file that what happened is appended to, one JSON document a line. */
export const OCCURRENCES_FILE_VARIABLE = "EDGEFLOCK_OCCURRENCES_FILE";

export interface Happened extends Occurrence {
  /** Of a build. */
  builder?: string;
  seconds?: number;
}

export interface About {
  kind: Extract<Kind, "Device" | "DeviceClass">;
  namespace: string;
  name: string;
  /** Where there is no custom resource: what stands for it. */
  otherwise(): Promise<KubernetesObject | undefined>;
}

/** What failed: why, and the last line that it said. */
export function failedNews(error: unknown): Happened {
  const lines = (error instanceof Error ? error.message : String(error)).trim().split("\n");
  const note = (error instanceof VisibleError && error.short) || lines.at(-1) || "";
  return { type: "Warning", reason: "Failed", action: "Build", note };
}

const recorder = new EventRecorder("edgeflock.io/update");

/** Never throws, and takes a few seconds at most. */
export async function tell(
  connect: () => Promise<KubernetesApi>,
  about: About,
  happened: Happened,
): Promise<void> {
  await note(about, happened).catch(() => {});
  try {
    const api = await connect();
    const regarding = (await customResource(api, about)) ?? (await standIn(about));
    if (regarding) await recorder.record(api, regarding, happened);
  } catch {
    // it was no more than news
  }
}

async function note({ kind, namespace, name }: About, happened: Happened): Promise<void> {
  const file = process.env[OCCURRENCES_FILE_VARIABLE];
  if (file !== undefined)
    await appendFile(file, `${JSON.stringify({ kind, namespace, name, ...happened })}\n`);
}

/** Whether the four kinds are installed, by cluster. */
const installed = new WeakMap<KubernetesApi, Promise<boolean>>();

async function customResource(api: KubernetesApi, about: About): Promise<Regarding | undefined> {
  const { kind, namespace, name } = about;
  const regarding = { apiVersion: API_VERSION, kind, namespace, name };
  const uids = await declaredUids();
  if (uids) {
    const uid = uids.get(`${kind} ${namespace}/${name}`);
    return uid === undefined ? undefined : { ...regarding, uid };
  }
  if (!(await isInstalled(api))) return undefined;
  const metadata = { namespace, name };
  const live = await api.getOrUndefined<KubernetesObject>({ apiVersion: API_VERSION, kind, metadata });
  return live?.metadata.uid === undefined ? undefined : { ...regarding, uid: live.metadata.uid };
}

function isInstalled(api: KubernetesApi): Promise<boolean> {
  const known = installed.get(api);
  if (known) return known;
  const asked = api.isNamespaced({ apiVersion: API_VERSION, kind: "Device" }).catch((error: unknown) => {
    if (error instanceof VisibleError && error.cause === undefined) return false;
    throw error;
  });
  installed.set(api, asked);
  asked.catch(() => installed.delete(api));
  return asked;
}

async function standIn({ otherwise }: About): Promise<Regarding | undefined> {
  const object = await otherwise();
  if (!object) return undefined;
  const { name, namespace, uid } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name,
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
  };
}
