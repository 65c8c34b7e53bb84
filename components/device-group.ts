// DeviceGroup: devices picked by a label selector, which share settings and secrets. Declares its Secret.
import * as pulumi from "@pulumi/pulumi";
import { groupSecretName, objectLabels } from "../model/names.ts";
import { type DeviceGroupSpecInput, deviceGroupSpec } from "../model/schema.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { layerSecret } from "./layer-secret.ts";
import { checkedSpec, type MetadataArgs, type SpecArgs } from "./spec-args.ts";
import { visible } from "./visible.ts";

export interface DeviceGroupArgs extends SpecArgs<DeviceGroupSpecInput> {
  cluster: DevicesCluster;
  metadata?: MetadataArgs;
}

/**
 * Declare all groups of a cluster before its first Device: a device's settings are resolved when it is constructed.
 *
 * @throws RunError where a Device of the cluster was declared before
 */
export class DeviceGroup extends pulumi.ComponentResource {
  readonly groupName: string;
  readonly secretName: pulumi.Output<string>;

  constructor(name: string, args: DeviceGroupArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("edgeflock:index:DeviceGroup", name, {}, { parent: args.cluster, ...opts });
    const { cluster, metadata, ...specArgs } = args;
    const {
      name: group,
      spec,
      secrets,
    } = visible(() => checkedSpec("DeviceGroup", name, metadata, deviceGroupSpec, specArgs));
    this.groupName = group;
    const layer = {
      kind: "DeviceGroup",
      name: group,
      priority: spec.priority,
      settings: spec.settings,
      secrets,
    } as const;
    visible(() => cluster.registry.addGroup({ name: group, selector: spec.selector, layer }));
    const secret = visible(() =>
      layerSecret(
        name,
        {
          kind: "DeviceGroup",
          of: group,
          secretName: groupSecretName(group, spec),
          namespaceName: cluster.namespaceName,
          namespace: cluster.namespace,
          labels: { ...metadata?.labels, ...objectLabels({ cluster: cluster.clusterName, group }) },
          settings: spec.settings,
          secrets,
          target: cluster.connection.target,
        },
        { parent: this, provider: cluster.connection.provider },
      ),
    );
    this.secretName = secret.metadata.name;
    this.registerOutputs({ secretName: this.secretName });
  }
}
