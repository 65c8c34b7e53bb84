// Connects to the cluster that the provider's configuration names. Writes a kubeconfig given as text to a
// file that only this user can read, and removes it before it returns.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { connect, type KubernetesApi } from "../../../kubernetes/api.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { isObject, type Properties } from "../property-values.ts";
import { kubeconfigDocument, kubeconfigPath, type ProviderConfig } from "./provider-config.ts";

export async function connectCluster(config: ProviderConfig): Promise<KubernetesApi> {
  const { kubeconfig, context, cluster } = config;
  const options = context === undefined ? {} : { context };
  if (kubeconfig === undefined) {
    if (cluster === undefined) return connect(options);
    throw new VisibleError(`The provider names a cluster ("${cluster}") but no kubeconfig to find it in.`);
  }
  const path = kubeconfigPath(kubeconfig);
  if (path !== undefined && cluster === undefined) return connect({ ...options, kubeconfig: path });
  return connectByText(withCluster(kubeconfigDocument(kubeconfig)!, config), options);
}

/** The kubeconfig with another cluster in the context that is used. */
function withCluster(document: Properties, { cluster, context }: ProviderConfig): Properties {
  if (cluster === undefined || !Array.isArray(document.contexts)) return document;
  const active = context ?? document["current-context"];
  const contexts = document.contexts.map((entry) =>
    isObject(entry) && entry.name === active && isObject(entry.context)
      ? { ...entry, context: { ...entry.context, cluster } }
      : entry,
  );
  return { ...document, contexts };
}

async function connectByText(document: Properties, options: { context?: string }): Promise<KubernetesApi> {
  const folder = mkdtempSync(join(tmpdir(), "edgeflock-kubeconfig-"));
  try {
    const path = join(folder, "config");
    writeFileSync(path, stringify(document), { mode: 0o600 });
    return await connect({ ...options, kubeconfig: path });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
