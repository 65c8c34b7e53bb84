// Where the stack's Kubernetes is, seen from a provider's process: takes the stack's configuration from the
// engine and checks that the cluster is the one that was meant. Asks the API server once.

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
  const target = inputs.kubernetes ?? targetFromConfig((key) => configured(key));
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

/** The part of the SDK's ConfigureRequest that we use. */
export interface ConfigureRequest {
  config: { get(key: string): string | undefined };
}

let configured: (key: string) => string | undefined = () => undefined;

/** A value of the stack's configuration, of the namespace `edgeflock`. */
export function stackConfig(key: string): string | undefined {
  return configured(key);
}

/**
 * Takes the stack's configuration. The engine's calls may overtake the end of `configure`, but not its beginning,
 * so nothing is awaited here.
 */
export async function configure(request: ConfigureRequest): Promise<void> {
  configured = (key) => request.config.get(`edgeflock:${key}`);
}
