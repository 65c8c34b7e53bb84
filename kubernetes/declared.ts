// What a stack declares: its manifests, or with `edgeflock:source: cluster` the objects of the four kinds in its
// Kubernetes. Reads files; asks the API server.
import { type Documents, type LoadOptions, loadManifests } from "../model/load-manifests.ts";
import { loadObjects } from "../model/load-objects.ts";
import { readManifestFiles } from "../model/read-manifest-files.ts";
import { VisibleError } from "../model/visible-error.ts";
import type { KubernetesApi } from "./api.ts";
import { declaredObjects } from "./declared-objects.ts";

export type Source = "manifests" | "cluster";

export interface Declaring {
  /** Looks up a key of the stack's configuration in the namespace `edgeflock`. */
  get(key: string): string | undefined;
  /** Folder of the manifests. */
  folder: string;
  connect(): Promise<KubernetesApi>;
}

/** @throws VisibleError where `edgeflock:source` is something else */
export function sourceFromConfig(get: (key: string) => string | undefined): Source {
  const source = get("source") ?? "manifests";
  if (source === "manifests" || source === "cluster") return source;
  throw new VisibleError(`edgeflock:source is "${source}"; it takes "manifests" or "cluster".`, {
    hint: 'Set one with "pulumi config set edgeflock:source cluster", or remove it with "pulumi config rm".',
  });
}

/** `edgeflock:clusters: greenhouse, barn`: the DevicesClusters that the stack is about; undefined means all. */
export function clustersFromConfig(get: (key: string) => string | undefined): string[] | undefined {
  const names = get("clusters")
    ?.split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return names && names.length > 0 ? names : undefined;
}

/** @throws ProblemsError with everything that is wrong; VisibleError where there is nothing to load */
export async function loadDeclared(
  { get, folder, connect }: Declaring,
  options: LoadOptions = {},
): Promise<Documents> {
  if (sourceFromConfig(get) === "manifests") return loadManifests(readManifestFiles(folder), options);
  const clusters = clustersFromConfig(get);
  const objects = await declaredObjects(connect, clusters);
  return loadObjects(objects, { ...options, clusters });
}
