// Where the stack's Kubernetes is, seen from a provider's process: reads the stack's configuration
// (the engine hands it over as PULUMI_CONFIG) and checks that the cluster is the one that was meant.

import { connect, type KubernetesApi } from "../kubernetes/api.ts";
import { clusterUid } from "../kubernetes/cluster-uid.ts";
import { type KubernetesTarget, targetFromConfig } from "../kubernetes/target.ts";
import { VisibleError } from "../model/visible-error.ts";

/** What a resource says of its cluster. */
export interface ClusterInputs {
  /** UID of the namespace kube-system: the cluster's identity, whatever its address. */
  clusterUid: string;
  /** Only where the program names a context itself; else the stack's configuration decides, at each run anew. */
  kubernetes?: KubernetesTarget;
}

const connections = new Map<string, Promise<KubernetesApi>>();

/**
 * Connects to the cluster of a resource, once a process.
 *
 * @throws VisibleError where the kube-context leads to another cluster than the one the resource lives in
 */
export function connectFor(inputs: ClusterInputs): Promise<KubernetesApi> {
  const target = inputs.kubernetes ?? targetFromConfig(configured);
  const key = JSON.stringify([target, inputs.clusterUid]);
  let connection = connections.get(key);
  if (!connection) {
    connection = connectAndCheck(target, inputs.clusterUid);
    connections.set(key, connection);
    connection.catch(() => connections.delete(key));
  }
  return connection;
}

async function connectAndCheck(target: KubernetesTarget, uid: string): Promise<KubernetesApi> {
  const api = await connect(target);
  const actual = await clusterUid(api);
  if (actual === uid) return api;
  throw new VisibleError(
    `The kube-context "${api.contextName}" leads to another cluster (${actual}) than the one this stack lives in (${uid}).`,
    { hint: 'Set the right one with "pulumi config set edgeflock:kubeContext NAME".' },
  );
}

function configured(key: string): string | undefined {
  const config = JSON.parse(process.env.PULUMI_CONFIG ?? "{}") as Record<string, string>;
  return config[`edgeflock:${key}`] ?? config[`edgeflock:config:${key}`];
}
