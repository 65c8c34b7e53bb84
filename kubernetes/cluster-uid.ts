// The identity of a cluster. Asks the API server.
import type { KubernetesApi, KubernetesObject } from "./api.ts";

/** UID of the namespace kube-system: it stays the same when address, port or certificates change. */
export async function clusterUid(api: KubernetesApi): Promise<string> {
  const namespace = await api.get<KubernetesObject>({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "kube-system" },
  });
  return namespace.metadata.uid ?? "";
}
