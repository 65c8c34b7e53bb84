// What the fleet remembers of its credentials, as one dynamic resource. Call it when all devices are registered.
import * as pulumi from "@pulumi/pulumi";
import type { CredentialsInputs } from "../dynamic-providers/credentials-provider.ts";
import { DynamicResource } from "../dynamic-providers/dynamic-resource.ts";
import { updateLedger } from "../model/credential-ledger.ts";
import { groupRecords, retiredRecord } from "../model/ledger-text.ts";
import { authoritySeed } from "../model/mqtt-certificates.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { Eventually } from "./eventually.ts";
import { ownership } from "./ownership.ts";
import { reportable } from "./visible.ts";

/** `pulumi-nodejs:dynamic/edgeflock:Credentials`. */
export class CredentialsResource extends DynamicResource {
  constructor(name: string, inputs: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super("credentials", "Credentials", name, inputs, opts);
  }
}

/**
 * It is written after the devices: where one of them is refused (for a forgotten former name, say), none is retired by
 * that mistake. And before any is deleted, as the engine deletes last.
 */
export function declareLedger(
  name: string,
  parent: pulumi.Resource,
  cluster: DevicesCluster,
): CredentialsResource {
  const { target, explicit, clusterUid } = cluster.connection;
  const { devices } = cluster.registry;
  const written = cluster.registry.devicesWritten();
  const records = Eventually.list(devices.map(({ credentials }) => credentials)).apply((all) =>
    reportable(async () => {
      await written;
      const wanted = new Map(
        devices.map(({ original }, index) => [cluster.credentials.key(original), all[index]!]),
      );
      const { ledger } = updateLedger([await cluster.credentials.known()], wanted);
      return { devices: groupRecords(wanted), retired: retiredRecord(ledger.retired) };
    }),
  );
  const { auth } = cluster.spec.mqtt;
  const inputs: pulumi.Inputs & Record<keyof Omit<CredentialsInputs, "kubernetes" | "authority">, unknown> = {
    cluster: cluster.clusterName,
    namespace: cluster.namespace,
    owner: ownership(parent, [], undefined).owner,
    clusterUid,
    ...(explicit && { kubernetes: target }),
    devices: records.devices,
    retired: records.retired,
    auth,
    ...(auth !== "password" && { authority: authorityOf(cluster) }),
  };
  return new CredentialsResource(name, inputs, { parent });
}

function authorityOf(cluster: DevicesCluster): pulumi.Output<string> {
  return pulumi.secret(cluster.rootKey.apply((key) => JSON.stringify(authoritySeed(cluster.original, key))));
}
