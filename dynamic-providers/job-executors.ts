// The executor of Kubernetes Jobs for a stack's builders, as the stack is configured. Asks the API server.
import type { ArtifactStore } from "../builders/contract.ts";
import type { JobExecutors } from "../builders/executors/executor-for.ts";
import { jobLimit } from "../builders/kubernetes-job/limit.ts";
import type { TurnQueue } from "../builders/turn-queue.ts";
import type { KubernetesApi, KubernetesObject } from "../kubernetes/api.ts";
import { EMBEDDED_NODE_LABEL } from "../toolchain/embedded-kubernetes/node/configuration.ts";
import { type ClusterInputs, connectFor, stackConfig } from "./stack-connection.ts";

/** One for all builds of this process. */
let queue: TurnQueue | undefined;

/**
 * @param inputs of the resource that wants something built: its cluster and namespace
 * @param store where firmware is kept
 */
export function jobExecutors(
  inputs: ClusterInputs & { namespace: string },
  store?: ArtifactStore,
): JobExecutors {
  return async (placement) => {
    const api = await connectFor(inputs);
    // most fleets never need it
    const { KubernetesJobExecutor } = await import("../builders/kubernetes-job/executor.ts");
    const { TurnQueue } = await import("../builders/turn-queue.ts");
    queue ??= new TurnQueue(jobLimit(stackConfig("jobLimit")));
    const { namespace } = inputs;
    const stepsImage = stackConfig("jobSteps");
    const where = { ...(store && { store }), ...(await hostNetwork(api)) };
    return new KubernetesJobExecutor({
      api,
      namespace,
      stepsImage,
      queue,
      placement,
      ...where,
    });
  };
}

/** The embedded Kubernetes has no network of pods: they find the API server where this process does. */
async function hostNetwork(api: KubernetesApi) {
  const address = { apiVersion: "v1", kind: "Namespace", metadata: { name: "kube-system" } };
  const { metadata } = await api.get<KubernetesObject>(address);
  if (metadata.labels?.[EMBEDDED_NODE_LABEL] === undefined) return {};
  const { hostname, port } = new URL(api.server);
  return { hostNetwork: { apiHost: hostname, apiPort: port } };
}
