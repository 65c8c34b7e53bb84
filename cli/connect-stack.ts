// Connects to the Kubernetes that a stack's configuration names. Reads the kubeconfig; sends nothing yet.
import { resolve } from "node:path";
import { connect, type KubernetesApi } from "../kubernetes/api.ts";
import { targetFromConfig } from "../kubernetes/target.ts";

/**
 * @param get looks up a key of the stack's configuration in the namespace `edgeflock`
 * @throws VisibleError where it names none
 */
export function connectStack(
  projectFolder: string,
  get: (key: string) => string | undefined,
): Promise<KubernetesApi> {
  const target = targetFromConfig(get);
  const { kubeconfig } = target;
  return connect({
    ...target,
    ...(kubeconfig !== undefined && { kubeconfig: resolve(projectFolder, kubeconfig) }),
  });
}
