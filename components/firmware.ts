// The firmware of a class as one dynamic resource. Reads the source tree, to know its hash; builds nothing here.
import * as pulumi from "@pulumi/pulumi";
import { type ArtifactReference, type FirmwareRequest } from "../builders/contract.ts";
import { explainContentHash } from "../builders/content-hash.ts";
import { DynamicResource } from "../dynamic-providers/dynamic-resource.ts";
import type { FirmwareDescription } from "../dynamic-providers/firmware-provider.ts";
import type { DeviceClass } from "./device-class.ts";
import { fingerprint } from "./derivation.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { reportable } from "./visible.ts";

/** `pulumi-nodejs:dynamic/edgeflock:Firmware`. */
export class FirmwareResource extends DynamicResource {
  declare readonly reference: pulumi.Output<ArtifactReference>;

  constructor(name: string, inputs: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super("firmware", "Firmware", name, { ...inputs, reference: undefined }, opts);
  }
}

/** @param secrets what the build reads, by key */
export function declareFirmware(
  name: string,
  deviceClass: DeviceClass,
  cluster: DevicesCluster,
  secrets: Record<string, pulumi.Output<string>>,
): FirmwareResource {
  const firmware = describe(deviceClass);
  const { target, explicit, clusterUid } = cluster.connection;
  const plain = pulumi.output(secrets);
  const built = pulumi.all([plain, cluster.rootKey]).apply(([values, rootKey]) => inputsOf(firmware, deviceClass, values, rootKey));
  return new FirmwareResource(
    name,
    {
      class: deviceClass.className,
      cluster: cluster.clusterName,
      namespace: cluster.namespace,
      owner: `${pulumi.getProject()}/${pulumi.getStack()}/${name}`,
      clusterUid,
      ...(explicit && { kubernetes: target }),
      store: cluster.spec.artifacts,
      firmware,
      // Named parts, so that a preview says what changed; a keyed fingerprint stands for a secret.
      hash: pulumi.unsecret(built),
      ...(Object.keys(secrets).length > 0 && { secrets: pulumi.secret(plain.apply((values) => JSON.stringify(values))) }),
    },
    // A build may take long; its end is the builder's own time limit.
    { parent: deviceClass, customTimeouts: { create: "2h", update: "2h" } },
  );
}

function describe({ spec }: DeviceClass): FirmwareDescription {
  const { name, args, source } = spec.firmware.builder;
  const { label, size } = spec.config.partition;
  return { builder: { name, args, ...(source !== undefined && { source }) }, chip: spec.chip, config: { label, size } } as FirmwareDescription;
}
