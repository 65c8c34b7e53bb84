// DeviceClass: a kind of board and its firmware. Declares the class's Secret, the firmware and the flash script.

import * as pulumi from "@pulumi/pulumi";
import { type ConfigBuilder, planConfigBuilder } from "../builders/config/builder.ts";
import type { ArtifactReference } from "../builders/contract.ts";
import { renderFlashScript } from "../flash/flash-script.ts";
import { classSecretName, flashConfigMapName, objectLabels } from "../model/names.ts";
import type { Layer } from "../model/resolve.ts";
import { type DeviceClassSpec, type DeviceClassSpecInput, deviceClassSpec } from "../model/schema.ts";
import { VisibleError } from "../model/visible-error.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { type Eventually, eventually } from "./eventually.ts";
import { declareFirmware } from "./firmware.ts";
import { BUILD_KEY, buildText } from "./firmware-preview.ts";
import * as kubernetes from "./kubernetes.ts";
import { layerSecret } from "./layer-secret.ts";
import { ownedMetadata, ownership } from "./ownership.ts";
import { generatedSecrets } from "./policy-facts.ts";
import { givenFormerly, renaming, withAliases } from "./renaming.ts";
import type { SecretInput } from "./secret-values.ts";
import { checkedSpec, type MetadataArgs, type SpecArgs } from "./spec-args.ts";
import { reportable, visible } from "./visible.ts";

export interface DeviceClassArgs extends SpecArgs<DeviceClassSpecInput> {
  cluster: DevicesCluster;
  metadata?: MetadataArgs;
}

/** Its devices depend on what is declared here, never on the outcome of the firmware's build. */
export class DeviceClass extends pulumi.ComponentResource {
  readonly className: string;
  readonly spec: Omit<DeviceClassSpec, "secrets">;
  /** The firmware's digest, offsets, version and where it is kept. */
  readonly artifact: pulumi.Output<ArtifactReference>;
  /** POSIX shell, without secrets: `sh flash.sh DEVICE`. Also in ConfigMap `<class>-flash`. */
  readonly flashScript: pulumi.Output<string>;
  /** Undefined where Edgeflock itself makes its devices' images. @internal */
  readonly configBuilder: Eventually<ConfigBuilder> | undefined;
  /** @internal */ readonly layer: Layer<SecretInput>;

  constructor(name: string, args: DeviceClassArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const renamed = renaming(
      name,
      { namespace: args.cluster.namespaceName, name: args.metadata?.name ?? name },
      givenFormerly(args),
    );
    const { cluster, metadata, ...specArgs } = args;
    const checked = visible(() => checkedSpec("DeviceClass", name, metadata, deviceClassSpec, specArgs));
    super(
      "edgeflock:index:DeviceClass",
      name,
      { ...renamed.shown, ...generatedSecrets(checked.secrets) },
      withAliases(renamed, { parent: args.cluster, ...opts }),
    );
    this.className = checked.name;
    this.spec = checked.spec;
    const { settings, config } = checked.spec;
    this.configBuilder = configBuilder(checked.spec);
    this.layer = {
      kind: "DeviceClass",
      name: checked.name,
      settings,
      secrets: checked.secrets,
      mapping: config.mapping,
    };
    visible(() => cluster.registry.addClass(checked.name, this));
    cluster.setOriginal("DeviceClass", checked.name, renamed.original);
    const owned = ownership(this, renamed.formerResources, renamed.renamed);
    const { provider, api, clusterUid } = cluster.connection;
    const labels = {
      ...metadata?.labels,
      ...objectLabels({ cluster: cluster.clusterName, class: checked.name }),
    };
    visible(() =>
      layerSecret(
        name,
        {
          kind: "DeviceClass",
          of: checked.name,
          secretName: classSecretName(checked.name),
          cluster,
          ownership: owned,
          labels,
          settings,
          secrets: checked.secrets,
        },
        { parent: this, provider },
      ),
    );
    const secrets = visible(() => buildSecrets(cluster, this, checked.spec.firmware.secrets));
    const firmware = declareFirmware(name, this, cluster, secrets);
    this.artifact = firmware.reference;
    this.flashScript = pulumi.all([this.artifact, clusterUid]).apply(([artifact, uid]) =>
      renderFlashScript({
        className: checked.name,
        clusterName: cluster.clusterName,
        namespace: cluster.namespaceName,
        chip: checked.spec.chip,
        artifact,
        clusterUid: uid,
      }),
    );
    new kubernetes.ConfigMap(
      name,
      {
        metadata: ownedMetadata(
          {
            apiVersion: "v1",
            kind: "ConfigMap",
            name: flashConfigMapName(checked.name),
            namespace: cluster.place,
            labels,
          },
          owned,
          api,
        ),
        data: {
          "flash.sh": this.flashScript,
          "artifact.json": this.artifact.apply((artifact) => JSON.stringify(artifact)),
          [BUILD_KEY]: firmware.plan.apply(buildText),
        },
      },
      { parent: this, provider },
    );
    this.registerOutputs({ artifact: this.artifact });
  }
}

/** Reads the sources once a class, whatever the number of its devices. */
function configBuilder({ chip, config }: DeviceClass["spec"]): Eventually<ConfigBuilder> | undefined {
  const { builder, format, partition } = config;
  if (builder.name === "nvs") return undefined;
  const of = { chip, config: { ...partition, format } };
  const planned = reportable(async () => (await planConfigBuilder(builder, of, process.cwd()))!);
  return eventually(pulumi.output(planned));
}

/** The secrets that the build reads: of the class, else of its cluster. */
function buildSecrets(
  cluster: DevicesCluster,
  deviceClass: DeviceClass,
  keys: string[],
): Record<string, pulumi.Output<string>> {
  const entries = keys.map((key) => {
    const layer = [deviceClass.layer, cluster.layer].find(({ secrets }) => Object.hasOwn(secrets, key));
    if (!layer) throw unknownSecret(deviceClass.className, key);
    return [key, cluster.secretOf([layer.kind, layer.name, key], layer.secrets[key]!)] as const;
  });
  return Object.fromEntries(entries);
}

function unknownSecret(className: string, key: string): Error {
  return new VisibleError(
    `DeviceClass "${className}": firmware.secrets names "${key}", which is a secret neither of the class nor of its cluster.`,
  );
}
