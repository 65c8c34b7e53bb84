// From apiVersion and kind to the REST path, by the server's own discovery; each group is asked once.
import { VisibleError } from "../model/visible-error.ts";
import { KubernetesError } from "./kubernetes-error.ts";

export interface ApiResource {
  /** Plural, as in the path. */
  name: string;
  kind: string;
  namespaced: boolean;
}

type Fetch = <T>(path: string) => Promise<T>;

/** Kinds that Edgeflock itself writes: known without asking, which saves the first call of every run. */
const WELL_KNOWN: Record<string, ApiResource[]> = {
  v1: [
    { name: "namespaces", kind: "Namespace", namespaced: false },
    { name: "secrets", kind: "Secret", namespaced: true },
    { name: "configmaps", kind: "ConfigMap", namespaced: true },
    { name: "serviceaccounts", kind: "ServiceAccount", namespaced: true },
  ],
  "coordination.k8s.io/v1": [{ name: "leases", kind: "Lease", namespaced: true }],
  "rbac.authorization.k8s.io/v1": [
    { name: "roles", kind: "Role", namespaced: true },
    { name: "rolebindings", kind: "RoleBinding", namespaced: true },
    { name: "clusterroles", kind: "ClusterRole", namespaced: false },
    { name: "clusterrolebindings", kind: "ClusterRoleBinding", namespaced: false },
  ],
};

export class ResourcePaths {
  readonly #fetch: Fetch;
  readonly #discovered = new Map<string, Promise<ApiResource[]>>();

  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  async path(of: {
    apiVersion: string;
    kind: string;
    metadata?: { name?: string; namespace?: string };
  }): Promise<string> {
    const resource = await this.resource(of);
    const { name, namespace } = of.metadata ?? {};
    const scope =
      resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
    const leaf = name === undefined ? "" : `/${encodeURIComponent(name)}`;
    return `${groupPath(of.apiVersion)}${scope}/${resource.name}${leaf}`;
  }

  async resource(of: { apiVersion: string; kind: string }): Promise<ApiResource> {
    const known = WELL_KNOWN[of.apiVersion]?.find((resource) => resource.kind === of.kind);
    if (known) return known;
    const found = (await this.#discover(of.apiVersion)).find((resource) => resource.kind === of.kind);
    if (found) return found;
    // A CRD may have been installed since the group was asked.
    this.#discovered.delete(of.apiVersion);
    const again = (await this.#discover(of.apiVersion)).find((resource) => resource.kind === of.kind);
    if (again) return again;
    throw new VisibleError(`The API server knows no kind ${of.kind} in ${of.apiVersion}.`, {
      hint: "Check apiVersion and kind; a custom resource needs its CustomResourceDefinition first.",
    });
  }

  #discover(apiVersion: string): Promise<ApiResource[]> {
    let pending = this.#discovered.get(apiVersion);
    if (!pending) {
      pending = this.#ask(apiVersion);
      this.#discovered.set(apiVersion, pending);
      pending.catch(() => this.#discovered.delete(apiVersion));
    }
    return pending;
  }

  async #ask(apiVersion: string): Promise<ApiResource[]> {
    try {
      const answer = await this.#fetch<{ resources: ApiResource[] }>(groupPath(apiVersion));
      return answer.resources.filter((resource) => !resource.name.includes("/"));
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 404) return [];
      throw error;
    }
  }
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
