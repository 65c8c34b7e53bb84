// The Kubernetes Secret of a cluster, class or group: its settings and secrets under their own keys.
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { KubernetesTarget } from "../kubernetes/target.ts";
import type { PlainValue } from "../model/schema.ts";
import { requireSecrets, type SecretInput, secretValue } from "./secret-values.ts";

export interface LayerSecretArgs {
  kind: "DevicesCluster" | "DeviceClass" | "DeviceGroup";
  /** Name of the cluster, class or group. */
  of: string;
  /** Name of the Secret. */
  secretName: string;
  namespaceName: string;
  /** The same, known once the Namespace is there. */
  namespace: pulumi.Input<string>;
  labels: Record<string, string>;
  settings: Record<string, PlainValue>;
  secrets: Record<string, SecretInput>;
  target: KubernetesTarget;
}

/** @throws VisibleError naming every secret that has no value now */
export function layerSecret(
  name: string,
  args: LayerSecretArgs,
  opts: pulumi.CustomResourceOptions,
): kubernetes.core.v1.Secret {
  requireSecrets(args.secrets, args.kind, args.of);
  const plain = Object.entries(args.settings).map(([key, value]) => [key, String(value)] as const);
  const secret = Object.entries(args.secrets).map(
    ([key, source]) =>
      [key, secretValue(source, [args.kind, args.of, key], args.namespaceName, args.target)] as const,
  );
  const all = Object.fromEntries<pulumi.Input<string>>([...plain, ...secret]);
  return new kubernetes.core.v1.Secret(
    name,
    {
      metadata: { name: args.secretName, namespace: args.namespace, labels: args.labels },
      type: "Opaque",
      // An empty map is gone from the live object, and a refresh would show that as a change.
      ...(Object.keys(all).length > 0 && { stringData: pulumi.secret(all) }),
    },
    opts,
  );
}
