// The Kubernetes that a DevicesCluster lives in: the provider for its objects and the cluster's identity.
// Reads the stack's configuration; asks the API server for one UID.

import * as pulumi from "@pulumi/pulumi";
import { connect, type KubernetesApi } from "../kubernetes/api.ts";
import { clusterUid } from "../kubernetes/cluster-uid.ts";
import { type KubernetesTarget, targetFromConfig } from "../kubernetes/target.ts";
import * as kubernetes from "./kubernetes.ts";
import { reportable } from "./visible.ts";

/** Where a program of its own wants the fleet; what is left out comes from the stack's configuration. */
export interface KubernetesArgs extends KubernetesTarget {
  /** UID of the namespace kube-system. @default asked of the API server */
  clusterIdentifier?: pulumi.Input<string>;
  /** A provider to use instead of one of our own; then say context or kubeconfig too, for the devices' Secrets. */
  provider?: kubernetes.Provider;
}

export interface KubernetesConnection {
  target: KubernetesTarget;
  /** Whether the program named the target itself; the state keeps it then. */
  explicit: boolean;
  clusterUid: pulumi.Output<string>;
  provider: kubernetes.Provider;
  /** The same client for all that the program asks. */
  api(): Promise<KubernetesApi>;
}

/** Declares the provider as a child of `parent`. */
export function kubernetesConnection(
  name: string,
  args: KubernetesArgs | undefined,
  parent: pulumi.Resource,
): KubernetesConnection {
  const { context, kubeconfig } = args ?? {};
  const explicit = context !== undefined || kubeconfig !== undefined;
  const config = new pulumi.Config("edgeflock");
  const target: KubernetesTarget = explicit
    ? { ...(context !== undefined && { context }), ...(kubeconfig !== undefined && { kubeconfig }) }
    : targetFromConfig((key) => config.get(key));
  const api = () => clientOf(target);
  const uid = pulumi.output(args?.clusterIdentifier ?? askForUid(api));
  const provider =
    args?.provider ??
    new kubernetes.Provider(
      name,
      {
        ...target,
        // A new port, certificate or context name of the same cluster then replaces nothing.
        clusterIdentifier: uid,
        // Our objects have fixed names: to replace one means to delete it first, and what reads it would miss it.
        enableConfigMapMutable: true,
        enableSecretMutable: true,
        // An update that was killed goes on over what it had created; ownership.ts keeps others' objects safe.
        upsertExistingObjects: true,
        // What somebody edited by hand is set back by the next update.
        enablePatchForce: true,
      },
      { parent },
    );
  return { target, explicit, clusterUid: uid, provider, api };
}

const clients = new Map<string, Promise<KubernetesApi>>();

/** One client for each target in a program's process. */
export function clientOf(target: KubernetesTarget): Promise<KubernetesApi> {
  const id = JSON.stringify(target);
  const known = clients.get(id);
  if (known) return known;
  const client = connect(target);
  clients.set(id, client);
  client.catch(() => clients.delete(id));
  return client;
}

async function askForUid(api: () => Promise<KubernetesApi>): Promise<string> {
  return reportable(async () => clusterUid(await api()));
}
