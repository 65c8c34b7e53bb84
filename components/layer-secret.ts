// The Kubernetes Secret of a cluster, class or group: its settings and secrets under their own keys.

import * as pulumi from "@pulumi/pulumi";
import type { PlainValue } from "../model/schema.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import * as kubernetes from "./kubernetes.ts";
import { type Ownership, ownedMetadata } from "./ownership.ts";
import { requireSecrets, type SecretInput } from "./secret-values.ts";

export interface LayerSecretArgs {
  kind: "DevicesCluster" | "DeviceClass" | "DeviceGroup";
  /** Name of the cluster, class or group. */
  of: string;
  /** Name of the Secret. */
  secretName: string;
  cluster: DevicesCluster;
  ownership: Ownership;
  labels: Record<string, string>;
  settings: Record<string, PlainValue>;
  secrets: Record<string, SecretInput>;
}

const SECRET = { apiVersion: "v1", kind: "Secret" };

/** @throws VisibleError naming every secret that has no value now */
export function layerSecret(
  name: string,
  args: LayerSecretArgs,
  opts: pulumi.CustomResourceOptions,
): kubernetes.Secret {
  requireSecrets(args.secrets, args.kind, args.of);
  const plain = Object.entries(args.settings).map(([key, value]) => [key, String(value)] as const);
  const secret = Object.entries(args.secrets).map(
    ([key, source]) => [key, args.cluster.secretOf([args.kind, args.of, key], source)] as const,
  );
  const all = Object.fromEntries<pulumi.Input<string>>([...plain, ...secret]);
  return new kubernetes.Secret(
    name,
    {
      metadata: ownedMetadata(
        { ...SECRET, name: args.secretName, namespace: args.cluster.place, labels: args.labels },
        args.ownership,
        args.cluster.connection.api,
      ),
      type: "Opaque",
      // An empty map is gone from the live object, and a refresh would show that as a change.
      ...(Object.keys(all).length > 0 && { stringData: pulumi.secret(all) }),
    },
    opts,
  );
}
