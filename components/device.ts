// Device: one board. Resolves its settings over the four layers and declares the one resource that writes its Secret.
import * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic-providers/dynamic-resource.ts";
import { brokerPort, planDeviceConfig } from "../model/device-config.ts";
import { deviceTopic } from "../model/names.ts";
import { type ResolvedSetting, resolveSettings } from "../model/resolve.ts";
import { type DeviceSpec, type DeviceSpecInput, deviceSpec } from "../model/schema.ts";
import { VisibleError } from "../model/visible-error.ts";
import type { DeviceClass } from "./device-class.ts";
import {
  type DeviceState,
  type DeviceStateInput,
  deviceState,
  fingerprintNames,
  reachesDevice,
  shownInPlain,
} from "./device-state.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { requireSecrets, type SecretInput } from "./secret-values.ts";
import { type CheckedSpec, checkedSpec, type MetadataArgs, type SpecArgs } from "./spec-args.ts";
import { visible } from "./visible.ts";

export interface DeviceArgs extends SpecArgs<DeviceSpecInput> {
  cluster: DevicesCluster;
  metadata?: MetadataArgs;
}

/** The resource behind a device: `pulumi-nodejs:dynamic/edgeflock:Device`. */
class DeviceResource extends DynamicResource {
  declare readonly configDigest: pulumi.Output<string>;
  declare readonly secretName: pulumi.Output<string>;

  constructor(name: string, inputs: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super("device", "Device", name, { ...inputs, configDigest: undefined, secretName: undefined }, opts);
  }
}

/**
 * Declare the cluster's classes and groups first: settings are resolved here and now.
 *
 * @throws RunError for arguments that a manifest could not have either, and for conflicts between the layers
 */
export class Device extends pulumi.ComponentResource {
  readonly deviceName: string;
  /** Name of the Secret with credentials, mapped keys and `config.bin`. */
  readonly secretName: pulumi.Output<string>;
  /** `sha256:<hex>` of `config.bin`. */
  readonly configDigest: pulumi.Output<string>;

  constructor(name: string, args: DeviceArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("edgeflock:index:Device", name, {}, { parent: args.cluster, ...opts });
    const { cluster, metadata, ...specArgs } = args;
    const checked = visible(() => checkedSpec("Device", name, metadata, deviceSpec, specArgs));
    this.deviceName = checked.name;
    const resource = visible(() => declare(this, name, cluster, metadata?.labels ?? {}, checked));
    this.secretName = resource.secretName;
    this.configDigest = resource.configDigest;
    this.registerOutputs({});
  }
}

function declare(
  parent: Device,
  resourceName: string,
  cluster: DevicesCluster,
  labels: Record<string, string>,
  checked: CheckedSpec<DeviceSpec>,
): DeviceResource {
  const { name, spec, secrets } = checked;
  const deviceClass = cluster.registry.class(spec.deviceClassReference.name, name);
  cluster.registry.addDevice(name);
  requireSecrets(secrets, "Device", name);
  const settings = resolved(cluster, deviceClass, labels, checked);
  const input = stateInput(cluster, deviceClass, name, spec, settings);
  const values = secretValues(settings, cluster);
  const state = pulumi
    .all([cluster.rootKey, values])
    .apply(([rootKey, plain]) => visible(() => deviceState(input, plain, rootKey)));
  const { target, explicit, clusterUid } = cluster.connection;
  return new DeviceResource(
    resourceName,
    {
      ...shownInPlain(input),
      ...fingerprintProperties(input, state),
      device: name,
      class: deviceClass.className,
      cluster: cluster.clusterName,
      namespace: cluster.namespace,
      owner: `${pulumi.getProject()}/${pulumi.getStack()}/${resourceName}`,
      clusterUid,
      ...(explicit && { kubernetes: target }),
      image: state.payload,
    },
    { parent },
  );
}

function resolved(
  cluster: DevicesCluster,
  deviceClass: DeviceClass,
  labels: Record<string, string>,
  { name, spec, secrets }: CheckedSpec<DeviceSpec>,
): ResolvedSetting<SecretInput>[] {
  const { settings, problems } = resolveSettings<SecretInput>({
    cluster: cluster.layer,
    class: deviceClass.layer,
    groups: cluster.registry.groupLayers(labels),
    device: { kind: "Device", name, settings: spec.data, secrets, mapping: spec.mapping },
  });
  if (problems.length === 0) return settings;
  throw new VisibleError(
    problems.map((problem) => `Device "${name}": ${problem.path}: ${problem.message}`).join("\n"),
  );
}

function stateInput(
  cluster: DevicesCluster,
  deviceClass: DeviceClass,
  device: string,
  spec: Omit<DeviceSpec, "secrets">,
  settings: ResolvedSetting<SecretInput>[],
): DeviceStateInput {
  const { mqtt } = cluster.spec;
  const { generation } = spec.credentials;
  // A broker holds one password a user, so a new generation is a new user beside the old one.
  const username = generation === 1 ? device : `${device}.g${generation}`;
  const topic = deviceTopic(mqtt.topicRoot, device);
  const identity = { device, className: deviceClass.className, topic, username, generation };
  return {
    device,
    namespace: cluster.namespaceName,
    generation,
    username,
    topic,
    host: mqtt.broker.host,
    port: brokerPort(mqtt.broker),
    tls: mqtt.broker.tls,
    ca: mqtt.ca,
    partition: deviceClass.spec.config.partition,
    encryption: deviceClass.spec.security?.nvsEncryption,
    plan: planDeviceConfig({ ...identity, cluster: { name: cluster.clusterName, mqtt }, settings }),
    settings,
  };
}

function secretValues(
  settings: ResolvedSetting<SecretInput>[],
  cluster: DevicesCluster,
): pulumi.Output<Record<string, string>> {
  const values: Record<string, pulumi.Output<string>> = {};
  for (const setting of settings) {
    if (!setting.secret || !reachesDevice(setting)) continue;
    const { kind, name } = setting.from;
    values[setting.key] = cluster.secretOf([kind, name, setting.key], setting.source);
  }
  return pulumi.output(values);
}

/** Of the secret state only fingerprints and origins become plain. */
function fingerprintProperties(
  input: DeviceStateInput,
  state: pulumi.Output<DeviceState>,
): Record<string, pulumi.Output<string>> {
  const names = fingerprintNames(input);
  if (names.length === 0) return {};
  const fingerprints = pulumi.unsecret(state.apply((known) => known.fingerprints));
  return Object.fromEntries(names.map((name) => [name, fingerprints.apply((all) => all[name] ?? "")]));
}
