// DeviceGroup: devices picked by a label selector, which share settings and secrets. Declares its Secret.
import * as pulumi from "@pulumi/pulumi";
import { groupSecretName, objectLabels } from "../model/names.ts";
import { type DeviceGroupSpecInput, deviceGroupSpec } from "../model/schema.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { layerSecret } from "./layer-secret.ts";
import { ownership } from "./ownership.ts";
import { generatedSecrets } from "./policy-facts.ts";
import { givenFormerly, renaming, withAliases } from "./renaming.ts";
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
    const renamed = renaming(
      name,
      { namespace: args.cluster.namespaceName, name: args.metadata?.name ?? name },
      givenFormerly(args),
    );
    const { cluster, metadata, ...specArgs } = args;
    const {
      name: group,
      spec,
      secrets,
    } = visible(() => checkedSpec("DeviceGroup", name, metadata, deviceGroupSpec, specArgs));
    super(
      "edgeflock:index:DeviceGroup",
      name,
      { ...renamed.shown, ...generatedSecrets(secrets) },
      withAliases(renamed, { parent: args.cluster, ...opts }),
    );
    this.groupName = group;
    const layer = {
      kind: "DeviceGroup",
      name: group,
      priority: spec.priority,
      settings: spec.settings,
      secrets,
    } as const;
    visible(() => cluster.registry.addGroup({ name: group, selector: spec.selector, layer }));
    cluster.setOriginal("DeviceGroup", group, renamed.original);
    const secret = visible(() =>
      layerSecret(
        name,
        {
          kind: "DeviceGroup",
          of: group,
          secretName: groupSecretName(group, spec),
          cluster,
          ownership: ownership(this, renamed.formerResources, renamed.renamed),
          labels: { ...metadata?.labels, ...objectLabels({ cluster: cluster.clusterName, group }) },
          settings: spec.settings,
          secrets,
        },
        { parent: this, provider: cluster.connection.provider },
      ),
    );
    this.secretName = secret.metadata.name;
    this.registerOutputs({ secretName: this.secretName });
  }
}
