// The objects of the four kinds that a cluster holds. Lists them by the API server, or reads a list that was made before.
import { readFile } from "node:fs/promises";
import { type DeclaredObject, objectPlace } from "../model/load-objects.ts";
import { API_VERSION, KINDS } from "../model/names.ts";
import { VisibleError } from "../model/visible-error.ts";
import type { KubernetesApi } from "./api.ts";

/** Names a JSON file with the list of objects that an update is to be about, whatever the cluster holds by then. */
export const OBJECTS_FILE_VARIABLE = "EDGEFLOCK_OBJECTS_FILE";

/**
 * @param connect is called where the objects have to be asked for
 * @throws VisibleError where there is none, or the four kinds are not installed
 */
export async function declaredObjects(connect: () => Promise<KubernetesApi>): Promise<DeclaredObject[]> {
  const file = process.env[OBJECTS_FILE_VARIABLE];
  const objects = file === undefined ? await listDeclaredObjects(await connect()) : await readList(file);
  if (objects.some(({ kind }) => kind === "DevicesCluster")) return objects;
  throw new VisibleError("There is no DevicesCluster in this Kubernetes.", {
    hint: "The stack's edgeflock:source is cluster, and without any object an update would remove the whole fleet.",
  });
}

export async function listDeclaredObjects(api: KubernetesApi): Promise<DeclaredObject[]> {
  const lists = await Promise.all(
    KINDS.map(async (kind) => {
      const objects = await api.list<DeclaredObject>({ apiVersion: API_VERSION, kind });
      return objects.map(({ metadata, spec }): DeclaredObject => ({ kind, metadata, spec }));
    }),
  );
  return lists.flat();
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
