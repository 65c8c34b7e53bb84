// The Kubernetes that a DevicesCluster lives in: the provider for its objects and the cluster's identity.
// Reads the stack's configuration; asks the API server for one UID.
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { connect } from "../kubernetes/api.ts";
import { clusterUid } from "../kubernetes/cluster-uid.ts";
import { type KubernetesTarget, targetFromConfig } from "../kubernetes/target.ts";
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
  const uid = pulumi.output(args?.clusterIdentifier ?? askForUid(target));
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
      },
      { parent },
    );
  return { target, explicit, clusterUid: uid, provider };
}

async function askForUid(target: KubernetesTarget): Promise<string> {
  return reportable(async () => clusterUid(await connect(target)));
}
