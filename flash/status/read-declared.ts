// What the cluster holds of a fleet: the devices' Secrets (what stands under their metadata, never their contents), the
// classes' firmware, the boards' Leases. Asks the API server with the person's own rights.
import { z } from "zod";
import type { KubernetesApi, KubernetesObject } from "../../kubernetes/api.ts";
import { KubernetesError } from "../../kubernetes/kubernetes-error.ts";
import {
  CONFIG_DIGEST_ANNOTATION,
  generationIn,
  SETTINGS_DIGEST_ANNOTATION,
  TOPIC_ANNOTATION,
} from "../../model/annotations.ts";
import { CLASS_LABEL, CLUSTER_LABEL, DEVICE_LABEL, deviceSecretName } from "../../model/names.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { boardsIn } from "../board-lease.ts";
import type { BoardRecord } from "../board-record.ts";
import type { DeclaredDevice, DeclaredFirmware } from "./device-status.ts";

export interface DeclaredFleet {
  declared: Map<string, DeclaredDevice>;
  /** False where some could not be read. */
  complete: boolean;
  firmware: Map<string, DeclaredFirmware>;
  boards: (BoardRecord & { class?: string | undefined })[];
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches */
const METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const AT_ONCE = 16;

const artifact = z.looseObject({
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  version: z.string().max(64),
});

/**
 * @param known names to ask for where the person may not list Secrets, as a flasher may not
 * @throws VisibleError where Leases may not be listed
 */
export async function readDeclared(
  api: KubernetesApi,
  namespace: string,
  known: readonly string[],
): Promise<DeclaredFleet> {
  const boards = await boardsIn(api, namespace).catch((error) => {
    throw forbidden(error, "list Leases", namespace);
  });
  const names = [...new Set([...known, ...boards.map(({ device }) => device)])];
  const { secrets, complete } = await readSecrets(api, namespace, names);
  const declared = new Map<string, DeclaredDevice>();
  for (const { metadata } of secrets) {
    const device = metadata.labels?.[DEVICE_LABEL];
    if (device !== undefined) declared.set(device, declaredDevice(device, metadata));
  }
  return { declared, complete, firmware: await readFirmware(api, namespace), boards };
}

function declaredDevice(
  device: string,
  { labels, annotations }: KubernetesObject["metadata"],
): DeclaredDevice {
  return {
    device,
    class: labels?.[CLASS_LABEL] ?? "",
    configDigest: annotations?.[CONFIG_DIGEST_ANNOTATION],
    settingsDigest: annotations?.[SETTINGS_DIGEST_ANNOTATION],
    generation: generationIn(annotations),
    topic: annotations?.[TOPIC_ANNOTATION],
  };
}

async function readSecrets(
  api: KubernetesApi,
  namespace: string,
  names: readonly string[],
): Promise<{ secrets: KubernetesObject[]; complete: boolean }> {
  try {
    const kind = { apiVersion: "v1", kind: "Secret", namespace };
    return { secrets: await api.listMetadata(kind, { labelSelector: DEVICE_LABEL }), complete: true };
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
  const secrets: KubernetesObject[] = [];
  let complete = true;
  for (let start = 0; start < names.length; start += AT_ONCE) {
    const batch = names.slice(start, start + AT_ONCE).map((name) => readSecret(api, namespace, name));
    for (const found of await Promise.all(batch)) {
      if (found === "forbidden") complete = false;
      else if (found) secrets.push(found);
    }
  }
  return { secrets, complete };
}

async function readSecret(
  api: KubernetesApi,
  namespace: string,
  device: string,
): Promise<KubernetesObject | "forbidden" | undefined> {
  const path = `/api/v1/namespaces/${namespace}/secrets/${encodeURIComponent(deviceSecretName(device))}`;
  try {
    return await api.request<KubernetesObject>("GET", path, { accept: METADATA_ONLY });
  } catch (error) {
    if (isForbidden(error)) return "forbidden";
    if (error instanceof KubernetesError && error.status === 404) return undefined;
    throw error;
  }
}

/** By class; one whose ConfigMap somebody spoiled is left out. */
async function readFirmware(api: KubernetesApi, namespace: string): Promise<Map<string, DeclaredFirmware>> {
  const kind = { apiVersion: "v1", kind: "ConfigMap", namespace };
  const maps = await api
    .list<KubernetesObject & { data?: Record<string, string> }>(kind, {
      labelSelector: `${CLUSTER_LABEL},${CLASS_LABEL}`,
    })
    .catch((error) => {
      if (isForbidden(error)) return [];
      throw error;
    });
  const firmware = new Map<string, DeclaredFirmware>();
  for (const { metadata, data } of maps) {
    const text = data?.["artifact.json"];
    const className = metadata.labels?.[CLASS_LABEL];
    if (text === undefined || className === undefined) continue;
    const read = artifact.safeParse(parsed(text));
    if (read.success)
      firmware.set(className, { artifactDigest: read.data.digest, version: read.data.version });
  }
  return firmware;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isForbidden(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 403;
}

function forbidden(error: unknown, what: string, namespace: string): unknown {
  if (!isForbidden(error)) return error;
  return new VisibleError(`You may not ${what} in namespace "${namespace}".`, {
    hint: "Ask whoever runs the cluster for the role flasher, devices or dashboard.",
    exitCode: 5,
    cause: error,
  });
}
