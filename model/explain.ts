// A device's resolved settings and where each came from, as data and as text; secrets only by their source.
// Pure; touches nothing.

import { clusterOf, type DeviceMembership, Fleet, layersOf } from "./fleet.ts";
import { formerNames } from "./former-names.ts";
import type { Documents, Located } from "./load-manifests.ts";
import { brokerPort } from "./mqtt-broker.ts";
import { deviceTopic } from "./names.ts";
import { type Layers, type Provenance, provenanceText, resolveSettings } from "./resolve.ts";
import type { DeviceManifest, PlainValue, SecretSource } from "./schema.ts";
import type { NvsTarget } from "./setting-target.ts";
import { suggest } from "./suggest.ts";
import { VisibleError } from "./visible-error.ts";

/** A value as one layer has it. */
export interface ExplainedValue {
  from: Provenance & { text: string };
  /** Of a plain setting. */
  value?: PlainValue;
  /** Of a secret one: where it comes from. */
  source?: SecretSource;
}

export interface ExplainedSetting extends ExplainedValue {
  key: string;
  secret: boolean;
  /** null: it is not in the configuration image. */
  nvs: NvsTarget | null;
  secretKey?: string;
  /** What lower layers have. */
  overrides: ExplainedValue[];
}

export interface Explanation {
  device: string;
  /** Where it is declared. */
  file: string;
  line?: number;
  namespace: string;
  cluster: string;
  class: string;
  groups: { name: string; priority: number }[];
  mqtt: { host: string; port: number; tls: boolean; topic: string };
  settings: ExplainedSetting[];
  /** Mapped settings that no layer sets. */
  notSet: string[];
}

/**
 * Explains one device of a stack.
 * @param namespace which cluster's, where several have a device of this name
 * @throws VisibleError where there is no such device, with the nearest name
 */
export function explainDevice(documents: Documents, name: string, namespace?: string): Explanation {
  const located = findDevice(documents, name, namespace);
  const manifests = <T>(list: Located<T>[]) => list.map((each) => each.manifest);
  const fleet = new Fleet({
    clusters: manifests(documents.clusters),
    classes: manifests(documents.classes),
    groups: manifests(documents.groups),
    devices: [located.manifest],
  });
  for (const membership of fleet.devices()) return explain(located, membership);
  throw new Error(`Device ${name} has no class, though loading has checked it`);
}

function findDevice(documents: Documents, name: string, namespace?: string): Located<DeviceManifest> {
  const clusters = documents.clusters.map((each) => each.manifest);
  const inNamespace = documents.devices.filter(
    ({ manifest }) => namespace === undefined || clusterOf(manifest, clusters)?.spec.namespace === namespace,
  );
  const found = inNamespace.filter(({ manifest }) => manifest.metadata.name === name);
  if (found.length > 1) {
    const places = found.map(({ manifest }) => manifest.metadata.namespace).join(", ");
    throw new VisibleError(`There are several devices of this name, in the namespaces ${places}`, {
      hint: "Say which with --namespace.",
    });
  }
  if (found[0]) return found[0];
  const names = inNamespace.map(({ manifest }) => manifest.metadata.name);
  const near = suggest(name, names);
  throw new VisibleError("The stack declares no such device", {
    hint: near === undefined ? `Devices are: ${listed(names)}` : `Did you mean "${near}"?`,
  });
}

function listed(names: string[]): string {
  if (names.length === 0) return "none";
  return names.length > 10
    ? `${names.slice(0, 10).join(", ")} and ${names.length - 10} more`
    : names.join(", ");
}

function explain({ file, line }: Located<DeviceManifest>, membership: DeviceMembership): Explanation {
  const { cluster, device } = membership;
  const layers = layersOf(membership);
  const { settings } = resolveSettings(layers);
  const { broker, topicRoot } = cluster.spec.mqtt;
  const now = { namespace: cluster.spec.namespace, name: device.metadata.name };
  const { original } = formerNames(device.spec.formerly, now);
  return {
    device: device.metadata.name,
    file,
    ...(line !== undefined && { line }),
    namespace: cluster.spec.namespace,
    cluster: cluster.metadata.name,
    class: membership.class.metadata.name,
    groups: membership.groups
      .map(({ metadata, spec }) => ({ name: metadata.name, priority: spec.priority }))
      .sort((a, b) => b.priority - a.priority),
    mqtt: {
      host: broker.host,
      port: brokerPort(broker),
      tls: broker.tls,
      topic: deviceTopic(topicRoot, original.name),
    },
    settings: settings.map((setting) => ({
      key: setting.key,
      secret: setting.secret,
      ...valueIn(layers, setting.from, setting.key),
      nvs: setting.target ?? null,
      ...(setting.secretKey === undefined ? {} : { secretKey: setting.secretKey }),
      overrides: setting.overrides.map((from) => valueIn(layers, from, setting.key)),
    })),
    notSet: mappedButNotSet(layers, new Set(settings.map((setting) => setting.key))),
  };
}

function valueIn(layers: Layers<SecretSource>, from: Provenance, key: string): ExplainedValue {
  const all = [layers.device, ...layers.groups, layers.class, layers.cluster];
  const layer = all.find((each) => each.kind === from.kind && each.name === from.name)!;
  const named = { from: { ...from, text: provenanceText(from) } };
  if (Object.hasOwn(layer.secrets, key)) return { ...named, source: layer.secrets[key]! };
  return { ...named, value: layer.settings[key]! };
}

function mappedButNotSet(layers: Layers<SecretSource>, set: Set<string>): string[] {
  const mapped = [...(layers.class.mapping ?? []), ...(layers.device.mapping ?? [])].map(
    (entry) => entry.setting,
  );
  return [...new Set(mapped)].filter((key) => !set.has(key)).sort();
}
