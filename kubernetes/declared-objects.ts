// The objects of the four kinds that a cluster holds. Lists them by the API server, or reads a list that was made before.
import { readFile } from "node:fs/promises";
import type { DeclaredObject } from "../model/load-objects.ts";
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

async function readList(file: string): Promise<DeclaredObject[]> {
  return JSON.parse(await readFile(file, "utf8")) as DeclaredObject[];
}
