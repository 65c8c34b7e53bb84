// DevicesCluster: one site or customer. Declares its Namespace and Secret, and keeps the register of its fleet.
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterSecretName, objectLabels } from "../model/names.ts";
import type { Layer } from "../model/resolve.ts";
import {
  type DevicesClusterSpec,
  type DevicesClusterSpecInput,
  devicesClusterSpec,
} from "../model/schema.ts";
import type { DeviceClass } from "./device-class.ts";
import { FleetRegistry } from "./fleet-registry.ts";
import {
  type KubernetesArgs,
  type KubernetesConnection,
  kubernetesConnection,
} from "./kubernetes-connection.ts";
import { layerSecret } from "./layer-secret.ts";
import { rootKey } from "./root-key.ts";
import { type SecretInput, type SecretPlace, secretValue } from "./secret-values.ts";
import { checkedSpec, type MetadataArgs, type SpecArgs } from "./spec-args.ts";
import { visible } from "./visible.ts";

export interface DevicesClusterArgs extends SpecArgs<DevicesClusterSpecInput> {
  metadata?: MetadataArgs;
  /** Which Kubernetes. @default what the stack's configuration says (`edgeflock:kubeContext`) */
  kubernetes?: KubernetesArgs;
}

/**
 * Everything of one site lives in one Kubernetes namespace, which this component creates.
 *
 * @throws RunError for arguments that a manifest could not have either
 */
export class DevicesCluster extends pulumi.ComponentResource {
  readonly clusterName: string;
  /** Name of the Kubernetes namespace. */
  readonly namespaceName: string;
  /** The same, known once the Namespace is there. */
  readonly namespace: pulumi.Output<string>;
  readonly spec: Omit<DevicesClusterSpec, "secrets">;
  /** @internal */ readonly connection: KubernetesConnection;
  /** @internal */ readonly registry = new FleetRegistry<DeviceClass>();
  /** @internal */ readonly layer: Layer<SecretInput>;
  readonly #secrets = new Map<string, pulumi.Output<string>>();
  /** Base64, secret. @internal */ readonly rootKey: pulumi.Output<string>;

  constructor(name: string, args: DevicesClusterArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("edgeflock:index:DevicesCluster", name, {}, opts);
    const { metadata, kubernetes: kubernetesArgs, ...specArgs } = args;
    const checked = visible(() =>
      checkedSpec("DevicesCluster", name, metadata, devicesClusterSpec, specArgs),
    );
    this.clusterName = checked.name;
    this.spec = checked.spec;
    this.namespaceName = checked.spec.namespace;
    this.layer = {
      kind: "DevicesCluster",
      name: checked.name,
      settings: checked.spec.settings,
      secrets: checked.secrets,
    };
    this.rootKey = rootKey();
    this.connection = visible(() => kubernetesConnection(name, kubernetesArgs, this));
    const child = { parent: this, provider: this.connection.provider };
    const labels = { ...metadata?.labels, ...objectLabels({ cluster: checked.name }) };
    const namespace = new kubernetes.core.v1.Namespace(
      name,
      { metadata: { name: this.namespaceName, labels } },
      child,
    );
    this.namespace = namespace.metadata.name;
    visible(() =>
      layerSecret(
        name,
        {
          kind: "DevicesCluster",
          of: checked.name,
          secretName: clusterSecretName(checked.name),
          namespaceName: this.namespaceName,
          namespace: this.namespace,
          labels,
          settings: checked.spec.settings,
          secrets: checked.secrets,
          target: this.connection.target,
        },
        child,
      ),
    );
    this.registerOutputs({ namespace: this.namespace });
  }

  /** The value of a secret that a layer of this cluster declares; the same output for every device that gets it. @internal */
  secretOf(place: SecretPlace, source: SecretInput): pulumi.Output<string> {
    const id = place.join("/");
    const known = this.#secrets.get(id);
    if (known) return known;
    const value = secretValue(source, place, this.namespaceName, this.connection.target);
    this.#secrets.set(id, value);
    return value;
  }
}
