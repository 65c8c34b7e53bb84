// The firmware of a class as one dynamic resource. Reads the source tree, to know its hash; builds nothing here.
import * as pulumi from "@pulumi/pulumi";
import { type PlannedFirmware, planFirmware } from "../builders/build-firmware.ts";
import type { ArtifactReference, Json } from "../builders/contract.ts";
import { DynamicResource } from "../dynamic-providers/dynamic-resource.ts";
import type { FirmwareDescription, FirmwareSecrets } from "../dynamic-providers/firmware-provider.ts";
import type { DeviceClassSpec } from "../model/schema.ts";
import { EXECUTORS } from "../model/schema-device-parts.ts";
import { VisibleError } from "../model/visible-error.ts";
import { firmwareKey } from "./artifact-access.ts";
import type { DeviceClass } from "./device-class.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { announceBuild } from "./firmware-preview.ts";
import { reportable, visible } from "./visible.ts";

/** `pulumi-nodejs:dynamic/edgeflock:Firmware`. */
export class FirmwareResource extends DynamicResource {
  declare readonly reference: pulumi.Output<ArtifactReference>;

  constructor(name: string, inputs: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super("firmware", "Firmware", name, { ...inputs, reference: undefined }, opts);
  }
}

export interface DeclaredFirmware {
  /** The firmware's digest, offsets, version and where it is kept. */
  reference: pulumi.Output<ArtifactReference>;
  /** What it is built from. */
  plan: pulumi.Output<PlannedFirmware>;
}

/** @param secrets what the build reads, by key */
export function declareFirmware(
  name: string,
  deviceClass: DeviceClass,
  cluster: DevicesCluster,
  secrets: Record<string, pulumi.Output<string>>,
): DeclaredFirmware {
  const firmware = visible(() => describe(deviceClass));
  const { target, explicit, clusterUid } = cluster.connection;
  const plan =
    Object.keys(secrets).length > 0
      ? planWithSecrets(firmware, cluster, secrets)
      : { plain: planned(firmware) };
  const resource = new FirmwareResource(
    name,
    {
      class: deviceClass.className,
      cluster: cluster.clusterName,
      namespace: cluster.namespace,
      owner: `${pulumi.getProject()}/${pulumi.getStack()}/${name}`,
      clusterUid,
      ...(explicit && { kubernetes: target }),
      store: cluster.artifacts.store,
      ...(cluster.artifacts.access && {
        access: cluster.artifacts.access,
        accessSecret: cluster.artifacts.secretName,
      }),
      firmware,
      contentHash: plan.plain.apply(({ hash }) => hash),
      // Named parts, so that a preview says what changed; a keyed fingerprint stands for a secret.
      builtFrom: plan.plain.apply(({ parts }) => parts),
      ...("secret" in plan && { secrets: plan.secret }),
    },
    // The builder's own time limit ends a build; the engine's must not come first.
    {
      parent: deviceClass,
      customTimeouts: { create: "2h", update: "2h" },
      additionalSecretOutputs: ["access"],
    },
  );
  announceBuild(deviceClass.className, cluster, plan.plain, "secret" in plan, resource);
  return { reference: resource.reference, plan: plan.plain };
}

function describe({ spec }: DeviceClass): FirmwareDescription {
  const { name, args, source, git } = spec.firmware.builder;
  const { format } = spec.config;
  const { label, size } = spec.config.partition;
  const builder = {
    name,
    args: args as Record<string, Json>,
    ...(source !== undefined && { source }),
    ...(git && { git }),
  };
  const { nvsEncryption: scheme, flashEncryption = false } = spec.security ?? {};
  return {
    builder,
    chip: spec.chip,
    config: { label, size, ...(format === "file" && { format }) },
    ...(spec.sensors.length > 0 && { sensors: spec.sensors }),
    ...placeFor(spec.firmware),
    ...(scheme !== undefined && { encryption: { scheme, flashEncryption } }),
  };
}

/** The class says where its builder runs, else the stack does, else an image that the class names. */
function placeFor(firmware: DeviceClassSpec["firmware"]): Pick<FirmwareDescription, "container" | "job"> {
  const { executor, container, job, builder } = firmware;
  const stack = new pulumi.Config("edgeflock").get("executor");
  if (stack !== undefined && !EXECUTORS.some((known) => known === stack)) {
    throw new VisibleError(`edgeflock:executor is ${JSON.stringify(stack)}, not ${EXECUTORS.join(" or ")}`);
  }
  const chosen = executor ?? stack ?? (job ? "kubernetes-job" : container ? "container" : "process");
  if (chosen === "process" || IN_PROCESS.includes(builder.name)) return {};
  const where = chosen === "container" ? "in a container" : "as a Kubernetes Job";
  if (!container) {
    throw new VisibleError(
      `its firmware is to be built ${where}, but spec.firmware.container names no image`,
      {
        hint: 'name the image, or let the class build with "executor: process"',
      },
    );
  }
  return chosen === "container" ? { container } : { container, job: job ?? {} };
}

/** Builders that are no program to be run. */
const IN_PROCESS = ["prebuilt"];

function planned(firmware: FirmwareDescription, secrets?: FirmwareSecrets): pulumi.Output<PlannedFirmware> {
  const request = { ...firmware, projectFolder: process.cwd(), ...(secrets && { secrets: secrets.values }) };
  const options = secrets ? { secretKey: Buffer.from(secrets.key, "base64") } : {};
  return pulumi.output(reportable(() => planFirmware(request, options)));
}

/** What shows of secrets are fingerprints under a key of the fleet's own. */
function planWithSecrets(
  firmware: FirmwareDescription,
  cluster: DevicesCluster,
  secrets: Record<string, pulumi.Output<string>>,
): { plain: pulumi.Output<PlannedFirmware>; secret: pulumi.Output<string> } {
  const filled = pulumi
    .all([pulumi.output(secrets), cluster.rootKey])
    .apply(([values, rootKey]): FirmwareSecrets => {
      return { values, key: firmwareKey(rootKey, cluster.namespaceName).toString("base64") };
    });
  return {
    plain: pulumi.unsecret(filled.apply((known) => planned(firmware, known))),
    secret: pulumi.secret(filled.apply((known) => JSON.stringify(known))),
  };
}
