// Flashing a device's board as part of an update, where its manifest names a port: one local.Command, which runs again
// when firmware or configuration has another digest. No secret is among its inputs; it reads them as a person would.
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { FlashVia } from "../model/schema-flash.ts";
import type { Device } from "./device.ts";
import type { DeviceClass } from "./device-class.ts";
import type { DevicesCluster } from "./devices-cluster.ts";

export interface DeviceFlashArgs {
  device: Device;
  deviceName: string;
  deviceClass: DeviceClass;
  cluster: DevicesCluster;
  via: FlashVia;
  configDigest: pulumi.Output<string>;
}

/** The text is a constant that names a module of this package: a path would differ from machine to machine. */
const RUN = "require('node:module').createRequire(process.cwd()+'/')('edgeflock/flash-in-up').run()";

/** A preview shows device, port and digests; the command comes after the device's Secret and its class's firmware. */
export function declareFlash(
  name: string,
  args: DeviceFlashArgs,
  after: pulumi.Resource,
): command.local.Command {
  const { device, deviceName, deviceClass, cluster, via, configDigest } = args;
  const { target } = cluster.connection;
  const { artifact } = deviceClass;
  return new command.local.Command(
    name,
    {
      create: RUN,
      // Only the triggers, which replace it, flash: another name of the same kube-context, say, does not.
      update: "0",
      interpreter: ["node", "-e"],
      addPreviousOutputInEnv: false,
      environment: {
        EDGEFLOCK_FLASH_DEVICE: deviceName,
        EDGEFLOCK_FLASH_CLASS: deviceClass.className,
        EDGEFLOCK_FLASH_NAMESPACE: cluster.namespaceName,
        EDGEFLOCK_FLASH_PORT: via.port,
        EDGEFLOCK_FLASH_BAUD: String(via.baud),
        EDGEFLOCK_FLASH_CLUSTER_UID: cluster.connection.clusterUid,
        ...(target.context !== undefined && { EDGEFLOCK_FLASH_CONTEXT: target.context }),
        ...(target.kubeconfig !== undefined && { EDGEFLOCK_FLASH_KUBECONFIG: target.kubeconfig }),
      },
      triggers: [
        `flash ${deviceName} at ${via.port}`,
        pulumi.interpolate`firmware ${artifact.version} ${artifact.digest}`,
        pulumi.interpolate`configuration ${configDigest}`,
      ],
    },
    { parent: device, dependsOn: [after, deviceClass] },
  );
}
