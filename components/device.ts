// Device: one board. Resolves its settings over the four layers and declares the one resource that writes its Secret.
import * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic-providers/dynamic-resource.ts";
import type { CredentialRecord } from "../model/credential-ledger.ts";
import { planDeviceConfig } from "../model/device-config.ts";
import type { Place } from "../model/former-names.ts";
import { deviceRecordText } from "../model/ledger-text.ts";
import { deviceSubscriptions } from "../model/mqtt-access.ts";
import { brokerPort } from "../model/mqtt-broker.ts";
import { deviceTopic, mqttUsername } from "../model/names.ts";
import { type ResolvedSetting, resolveSettings } from "../model/resolve.ts";
import { type DeviceSpec, type DeviceSpecInput, deviceSpec } from "../model/schema.ts";
import { maxCredentialAge } from "../model/schema-mqtt.ts";
import { VisibleError } from "../model/visible-error.ts";
import type { DeviceClass } from "./device-class.ts";
import { declareFlash } from "./device-flash.ts";
import {
  type DeviceState,
  deviceState,
  fingerprintNames,
  mqttText,
  type PlannedDevice,
  reachesDevice,
  shownInPlain,
} from "./device-state.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { Eventually, eventually } from "./eventually.ts";
import type { Holder } from "./fleet-credentials.ts";
import { ownerInside, ownership } from "./ownership.ts";
import { generatedSecrets } from "./policy-facts.ts";
import { givenFormerly, type Renaming, renaming, withAliases } from "./renaming.ts";
import { requireSecrets, type SecretInput } from "./secret-values.ts";
import { type CheckedSpec, checkedSpec, type MetadataArgs, type SpecArgs } from "./spec-args.ts";
import { reportable, visible } from "./visible.ts";

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

const TYPE = "edgeflock:index:Device";

/**
 * Declare the cluster's classes and groups first: settings are resolved here and now.
 *
 * @throws RunError for arguments that a manifest could not have either, and for conflicts between the layers
 */
export class Device extends pulumi.ComponentResource {
  readonly deviceName: string;
  /** Whether it was revoked: it has no Secret then. */
  readonly disabled: boolean;
  /** Name of the Secret with credentials, mapped keys and `config.bin`; empty while the device is disabled. */
  readonly secretName: pulumi.Output<string>;
  /** `sha256:<hex>` of `config.bin`; empty while the device is disabled. */
  readonly configDigest: pulumi.Output<string>;
  /** Undefined while the device is disabled. @internal */ readonly resource:
    | pulumi.CustomResource
    | undefined;

  constructor(name: string, args: DeviceArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const renamed = renaming(
      name,
      { namespace: args.cluster.namespaceName, name: args.metadata?.name ?? name },
      givenFormerly(args),
    );
    const { cluster, metadata, ...specArgs } = args;
    const checked = visible(() => checkedSpec("Device", name, metadata, deviceSpec, specArgs));
    const shown = {
      ...renamed.shown,
      ...(args.disabled === true && { disabled: true }),
      ...generatedSecrets(checked.secrets),
    };
    super(TYPE, name, shown, withAliases(renamed, { parent: args.cluster, ...opts }));
    this.deviceName = checked.name;
    this.disabled = checked.spec.disabled;
    const inCluster = opts.parent === undefined || opts.parent === cluster;
    const owner = inCluster
      ? ownerInside(cluster.knownUrn, TYPE, name)
      : eventually(ownership(this, [], undefined).owner);
    const of = { parent: this, owner, resourceName: name, cluster, labels: metadata?.labels ?? {}, renamed };
    // Without a resource of its own it is revoked as one that was deleted: Secret, broker's users and all.
    const resource = this.disabled ? undefined : visible(() => declare(of, checked));
    this.resource = resource;
    if (resource) cluster.registry.noteResource(resource);
    this.secretName = resource?.secretName ?? pulumi.output("");
    this.configDigest = resource?.configDigest ?? pulumi.output("");
    const { flash, deviceClassReference } = checked.spec;
    if (flash && resource) {
      const deviceClass = cluster.registry.class(deviceClassReference.name, checked.name);
      const { configDigest } = this;
      const args = {
        device: this,
        deviceName: checked.name,
        deviceClass,
        cluster,
        via: flash.via,
        configDigest,
      };
      declareFlash(`${name}/flash`, args, resource);
    }
    this.registerOutputs({});
  }
}

interface Declaration {
  parent: Device;
  owner: Eventually<string>;
  resourceName: string;
  cluster: DevicesCluster;
  labels: Record<string, string>;
  renamed: Renaming;
}

function declare(of: Declaration, checked: CheckedSpec<DeviceSpec>): DeviceResource {
  const { parent, owner, resourceName, cluster, labels, renamed } = of;
  const { name, spec, secrets } = checked;
  const deviceClass = cluster.registry.class(spec.deviceClassReference.name, name);
  const groups = cluster.registry.groupLayers(labels).map((layer) => layer.name);
  const holder = { name, original: renamed.original, former: renamed.former };
  const issued = credentialsOf(cluster, holder, spec);
  cluster.registry.addDevice({
    name,
    original: renamed.original,
    former: renamed.former
      .filter(({ namespace }) => namespace === cluster.namespaceName)
      .map((place) => place.name),
    className: deviceClass.className,
    groups,
    credentials: issued,
    port: spec.flash?.via.port,
  });
  cluster.setOriginal("Device", name, renamed.original);
  requireSecrets(secrets, "Device", name);
  const settings = resolved(cluster, deviceClass, labels, checked);
  const identity = { name, original: renamed.original, groups };
  const input = stateInput(cluster, deviceClass, identity, spec, settings);
  const [rootKey, adopted] = [eventually(cluster.rootKey), eventually(cluster.adopted)];

  const state = Eventually.all({
    ...{ rootKey, secrets: secretValues(settings, cluster), adopted, issued },
  }).map((known) =>
    visible(() => deviceState({ ...input, ...known.issued }, known.secrets, known.rootKey, known.adopted)),
  );
  const { target, explicit, clusterUid } = cluster.connection;
  return new DeviceResource(
    resourceName,
    {
      ...shownInPlain(input),
      mqtt: Eventually.all({ adopted, issued })
        .map((known) => mqttText({ ...input, ...known.issued }, known.adopted))
        .plain(),
      credentials: issued
        .map((known) => deviceRecordText(cluster.credentials.key(renamed.original), known))
        .plain(),
      ...fingerprintProperties(input, state),
      device: name,
      class: deviceClass.className,
      cluster: cluster.clusterName,
      namespace: cluster.namespace,
      owner: owner.plain(),
      ...(renamed.renamed !== undefined && {
        renamed: renamed.renamed,
        former: renamed.former.map((place) => `${place.namespace}/${place.name}`),
      }),
      clusterUid: eventually(clusterUid).plain(),
      ...(explicit && { kubernetes: target }),
      image: state.map(({ payload }) => payload).secret(),
      ...(deviceClass.configBuilder && { builder: deviceClass.configBuilder.plain() }),
    },
    { parent },
  );
}

/** Plain: which generation it is. Read from what the fleet remembers, so that it is known in a preview too. */
function credentialsOf(
  cluster: DevicesCluster,
  holder: Holder,
  { credentials: { generation, keepPrevious } }: Pick<DeviceSpec, "credentials">,
): Eventually<CredentialRecord> {
  const wish = { declared: generation, keepPrevious, maxAge: maxCredentialAge(cluster.spec.mqtt) };
  const now = visible(() => cluster.credentials.recordNow(holder, wish));
  if (now) return Eventually.known(now);
  return eventually(pulumi.output(reportable(() => cluster.credentials.recordFor(holder, wish))));
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
  { name: device, original, groups }: { name: string; original: Place; groups: string[] },
  spec: Omit<DeviceSpec, "secrets">,
  settings: ResolvedSetting<SecretInput>[],
): PlannedDevice {
  const { mqtt } = cluster.spec;
  // A board that was flashed before a rename goes by its old name until it is flashed again, so both stay.
  const topic = deviceTopic(mqtt.topicRoot, original.name);
  const subscriptions = deviceSubscriptions(mqtt.topicRoot, {
    original: original.name,
    className: deviceClass.className,
    groups,
    ...deviceClass.spec.mqtt,
  });
  // Which generation it is, and so as whom it speaks, is filled in once it is known.
  const { generation } = spec.credentials;
  const username = mqttUsername(original.name, generation);
  const identity = {
    device,
    className: deviceClass.className,
    topic,
    subscriptions,
    username,
    generation,
  };
  return {
    device,
    original,
    namespace: cluster.namespaceName,
    topic,
    host: mqtt.broker.host,
    port: brokerPort(mqtt.broker),
    tls: mqtt.broker.tls,
    auth: mqtt.auth,
    authority: cluster.original,
    validDays: mqtt.certificates.validDays,
    ca: mqtt.ca,
    partition: deviceClass.spec.config.partition,
    format: deviceClass.spec.config.format,
    encryption: deviceClass.spec.security?.nvsEncryption,
    ownBuilder: deviceClass.configBuilder !== undefined,
    plan: planDeviceConfig({ ...identity, cluster: { name: cluster.clusterName, mqtt }, settings }),
    settings,
  };
}

function secretValues(
  settings: ResolvedSetting<SecretInput>[],
  cluster: DevicesCluster,
): Eventually<Record<string, string>> {
  const values: Record<string, Eventually<string>> = {};
  for (const setting of settings) {
    if (!setting.secret || !reachesDevice(setting)) continue;
    const { kind, name } = setting.from;
    values[setting.key] = eventually(cluster.secretOf([kind, name, setting.key], setting.source));
  }
  return Eventually.all(values);
}

/** Of the secret state only fingerprints and origins become plain. */
function fingerprintProperties(
  input: PlannedDevice,
  state: Eventually<DeviceState>,
): Record<string, pulumi.Input<string>> {
  return Object.fromEntries(
    fingerprintNames(input).map((name) => [
      name,
      state.map(({ fingerprints }) => fingerprints[name] ?? "").plain(),
    ]),
  );
}
