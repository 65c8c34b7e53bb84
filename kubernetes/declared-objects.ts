// The objects of the four kinds that a cluster holds. Lists them by the API server, or reads a list that was made before.
import { readFile } from "node:fs/promises";
import { type DeclaredObject, objectPlace } from "../model/load-objects.ts";
import { API_VERSION, KINDS, type Kind } from "../model/names.ts";
import { VisibleError } from "../model/visible-error.ts";
import type { KubernetesApi } from "./api.ts";

/** Names a JSON file with the list of objects that an update is to be about, whatever the cluster holds by then. */
export const OBJECTS_FILE_VARIABLE = "EDGEFLOCK_OBJECTS_FILE";

/**
 * @param connect is called where the objects have to be asked for
 * @param clusters names of the DevicesClusters that are meant; all where it is left out
 * @throws VisibleError where there is none, or the four kinds are not installed
 */
export async function declaredObjects(
  connect: () => Promise<KubernetesApi>,
  clusters?: readonly string[],
): Promise<DeclaredObject[]> {
  const file = process.env[OBJECTS_FILE_VARIABLE];
  const objects =
    file === undefined ? await listDeclaredObjects(await connect(), clusters) : await readList(file);
  // one that is named and not there is told by whoever loads them
  if (clusters || objects.some(({ kind }) => kind === "DevicesCluster")) return objects;
  throw new VisibleError("There is no DevicesCluster in this Kubernetes.", {
    hint: "The stack's edgeflock:source is cluster, and without any object an update would remove the whole fleet.",
  });
}

/**
 * Where DevicesClusters are named, these and what is in their namespaces, each asked for by itself: that is all that the
 * roles of such a fleet may read.
 */
export async function listDeclaredObjects(
  api: KubernetesApi,
  clusters?: readonly string[],
): Promise<DeclaredObject[]> {
  if (clusters === undefined) return (await Promise.all(KINDS.map((kind) => list(api, kind)))).flat();
  const chosen = await Promise.all([...new Set(clusters)].map((name) => cluster(api, name)));
  const there = chosen.filter((each) => each !== undefined);
  const members = [...new Set(there.map(({ spec }) => String(spec.namespace)))].flatMap((namespace) =>
    KINDS.filter((kind) => kind !== "DevicesCluster").map((kind) => list(api, kind, namespace)),
  );
  return [...there, ...(await Promise.all(members)).flat()];
}

async function list(api: KubernetesApi, kind: Kind, namespace?: string): Promise<DeclaredObject[]> {
  const of = { apiVersion: API_VERSION, kind, ...(namespace !== undefined && { namespace }) };
  const objects = await api.list<DeclaredObject>(of);
  return objects.map(({ metadata, spec }) => ({ kind, metadata, spec }));
}

async function cluster(api: KubernetesApi, name: string): Promise<DeclaredObject | undefined> {
  const kind = "DevicesCluster";
  const address = { apiVersion: API_VERSION, kind, metadata: { name } };
  const object = await api.getOrUndefined<DeclaredObject>(address);
  return object && { kind, metadata: object.metadata, spec: object.spec };
}

let uids: Promise<Map<string, string> | undefined> | undefined;

/** UIDs by place, such as `Device greenhouse/cam-001`, where this update is about a list that was made before. */
export function declaredUids(): Promise<ReadonlyMap<string, string> | undefined> {
  uids ??= readUids();
  return uids;
}

async function readUids(): Promise<Map<string, string> | undefined> {
  const file = process.env[OBJECTS_FILE_VARIABLE];
  if (file === undefined) return undefined;
  const objects = await readList(file);
  return new Map(
    objects.flatMap((each) => (each.metadata.uid ? [[objectPlace(each), each.metadata.uid]] : [])),
  );
}

async function readList(file: string): Promise<DeclaredObject[]> {
  return JSON.parse(await readFile(file, "utf8")) as DeclaredObject[];
}
