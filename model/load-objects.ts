// Objects of the four kinds in a cluster → checked manifests, or everything that is wrong with them at once: what
// load-manifests.ts does for files. Pure; touches nothing.
import type { YamlDocument } from "./compose-yaml.ts";
import { type Documents, type LoadOptions, linkDocuments } from "./load-manifests.ts";
import { API_VERSION, type Kind } from "./names.ts";
import { type Problem, quote } from "./problem.ts";

/** An object of one of the four kinds, as the API server keeps it. */
export interface DeclaredObject {
  kind: Kind;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    labels?: Record<string, string>;
    deletionTimestamp?: string;
  };
  spec: Record<string, unknown>;
}

export interface LoadObjectsOptions extends LoadOptions {
  /** Names of the DevicesClusters that are meant, with what stands in their namespaces; all where it is left out. */
  clusters?: readonly string[] | undefined;
}

/** What an object is called in errors: `Device greenhouse/cam-001`. */
export function objectPlace({ kind, metadata }: Pick<DeclaredObject, "kind" | "metadata">): string {
  return `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}

/**
 * Checks and links the objects of a stack. An object that is being deleted counts as gone.
 *
 * @throws ProblemsError with everything found; the place of a problem is the object
 */
export function loadObjects(objects: readonly DeclaredObject[], options: LoadObjectsOptions = {}): Documents {
  const { clusters, ...rest } = options;
  const meant = meantObjects(objects, clusters);
  return linkDocuments(meant.map(asDocument), rest, missingClusters(meant, clusters));
}

/** Those that are to be there, of the clusters that are meant. */
export function meantObjects<T extends DeclaredObject>(
  objects: readonly T[],
  clusters?: readonly string[],
): T[] {
  const alive = objects.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (clusters === undefined) return alive;
  const isCluster = (object: T) => object.kind === "DevicesCluster";
  const chosen = alive.filter((object) => isCluster(object) && clusters.includes(object.metadata.name));
  const namespaces = new Set(chosen.map(({ spec }) => spec.namespace));
  return [...chosen, ...alive.filter((each) => !isCluster(each) && namespaces.has(each.metadata.namespace))];
}

/** Without its DevicesCluster a site would be taken down, credentials and all: that must be said, not be an accident. */
function missingClusters(objects: readonly DeclaredObject[], clusters: readonly string[] = []): Problem[] {
  const there = new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
  return clusters
    .filter((name) => !there.has(`DevicesCluster ${name}`))
    .map((name) => ({
      file: "edgeflock:clusters",
      path: "",
      message: `names ${quote(name)}, and there is no such DevicesCluster`,
    }));
}

function asDocument(object: DeclaredObject): YamlDocument {
  const { kind, metadata, spec } = object;
  const { name, namespace, labels } = metadata;
  return {
    file: objectPlace(object),
    value: {
      apiVersion: API_VERSION,
      kind,
      // The rest is Kubernetes' own, and checked by it.
      metadata: { name, ...(namespace !== undefined && { namespace }), ...(labels && { labels }) },
      spec: withTextForFractions(spec),
    },
    locate: () => ({}),
  };
}

/** A fraction in a setting is text, as it is in a manifest: NVS has no floating point. */
function withTextForFractions(spec: Record<string, unknown>): Record<string, unknown> {
  const changed: Record<string, unknown> = {};
  for (const field of ["settings", "data"]) {
    const map = spec[field];
    if (typeof map !== "object" || map === null) continue;
    changed[field] = Object.fromEntries(
      Object.entries(map).map(([key, value]) => [key, isFraction(value) ? String(value) : value]),
    );
  }
  return { ...spec, ...changed };
}

function isFraction(value: unknown): boolean {
  return typeof value === "number" && !Number.isInteger(value);
}
