// What it takes to bring a namespace that exists into a stack without changing a credential: which values are kept,
// and which objects change their owner. Pure; no text of it holds a value.
import { OWNER_ANNOTATION } from "../../kubernetes/owned-object.ts";
import {
  type Adopted,
  adoptedCredentialKey,
  adoptedNvsKey,
  adoptedRandomKey,
  encodeCredential,
} from "../../model/adopted.ts";
import { CREDENTIALS_ANNOTATION, generationIn } from "../../model/annotations.ts";
import { Fleet, layersOf } from "../../model/fleet.ts";
import { formerNames } from "../../model/former-names.ts";
import { readDeviceRecord } from "../../model/ledger-text.ts";
import type { Documents } from "../../model/load-manifests.ts";
import {
  boardLeaseName,
  classSecretName,
  clusterSecretName,
  deviceSecretName,
  flashConfigMapName,
  groupSecretName,
} from "../../model/names.ts";
import { resolveSettings } from "../../model/resolve.ts";
import type { DeviceManifest, DevicesClusterManifest, Manifest } from "../../model/schema.ts";
import { VisibleError } from "../../model/visible-error.ts";
import {
  type LiveObject,
  type LiveSecret,
  readDeviceSecret,
  type SecretReading,
} from "./read-device-secret.ts";

export interface AdoptionInput {
  documents: Documents;
  namespace: string;
  project: string;
  stack: string;
  /** The Namespace and what is in it. */
  objects: readonly LiveObject[];
  secrets: readonly LiveSecret[];
  /** Values that were adopted before. */
  adopted: Adopted;
  /** `<project>/<stack>` whose objects may be taken. */
  from?: string | undefined;
  /** Names that a device's Secret may have, `{device}` in the place of its name. */
  secretNames: readonly string[];
}

export interface Adoption {
  cluster: string;
  /** Values to keep, by key. */
  values: Record<string, string>;
  /** For each line: what it is about, and what becomes of it. */
  kept: { what: string; from: string }[];
  /** Devices and secrets for which nothing was found. */
  fresh: string[];
  /** Objects that get this stack's token. */
  owners: { object: LiveObject; token: string; before: string | undefined }[];
  /** Devices whose boards may hold an older generation, which nobody knows any more: they would be locked out. */
  lockedOut: { device: string; oldest: number; generation: number }[];
  /** The stack whose objects are taken: users at a live broker bear its mark. */
  from?: string;
  /** Objects of another stack that may not be taken. */
  foreign: { object: LiveObject; token: string }[];
}

export function planAdoption(input: AdoptionInput): Adoption {
  const cluster = clusterOf(input);
  const plan: Adoption = {
    cluster: cluster.metadata.name,
    values: {},
    kept: [],
    fresh: [],
    owners: [],
    lockedOut: [],
    foreign: [],
    ...(input.from !== undefined && { from: input.from }),
  };
  const secrets = new Map(input.secrets.map((secret) => [secret.metadata.name, secret]));
  const mine = <T extends Manifest>(located: { manifest: T }[]) =>
    located.map(({ manifest }) => manifest).filter((each) => isMember(each, input));
  const { classes, groups, devices } = input.documents;
  keepRandom(plan, input, cluster, secrets.get(clusterSecretName(cluster.metadata.name)));
  for (const each of mine(classes)) {
    keepRandom(plan, input, each, secrets.get(classSecretName(each.metadata.name)));
  }
  for (const each of mine(groups)) {
    keepRandom(plan, input, each, secrets.get(groupSecretName(each.metadata.name, each.spec)));
  }
  for (const each of mine(devices)) keepDevice(plan, input, each, secrets);
  planOwners(plan, input, cluster, [...mine(classes), ...mine(groups), ...mine(devices)]);
  return plan;
}

function clusterOf({ documents, namespace }: AdoptionInput): DevicesClusterManifest {
  const found = documents.clusters.find(({ manifest }) => manifest.spec.namespace === namespace);
  if (found) return found.manifest;
  const there = documents.clusters.map(({ manifest }) => manifest.spec.namespace).join(", ") || "none";
  throw new VisibleError(`No DevicesCluster of this stack has the namespace "${namespace}".`, {
    hint: `Declare one first, with its classes and devices. Namespaces of the stack: ${there}.`,
  });
}

function isMember(manifest: Manifest, { documents, namespace }: AdoptionInput): boolean {
  return manifest.metadata.namespace === undefined
    ? documents.clusters.length === 1
    : manifest.metadata.namespace === namespace;
}

function originalOf(manifest: Manifest, namespace: string): string {
  return formerNames(manifest.spec.formerly, { namespace, name: manifest.metadata.name }).original.name;
}

/** Random secrets of a layer are in its Secret under their own keys. */
function keepRandom(plan: Adoption, input: AdoptionInput, manifest: Manifest, secret?: LiveSecret): void {
  const { kind, metadata } = manifest;
  for (const [key, source] of Object.entries(manifest.spec.secrets)) {
    if (!("random" in source)) continue;
    const what = `${kind} ${metadata.name}: the random secret "${key}"`;
    const value = secret?.data?.[key];
    if (value === undefined) {
      plan.fresh.push(what);
      continue;
    }
    const name = adoptedRandomKey(kind, originalOf(manifest, input.namespace), key);
    plan.values[name] = Buffer.from(value, "base64").toString("utf8");
    plan.kept.push({ what, from: `Secret ${secret?.metadata.name}` });
  }
}

function keepDevice(
  plan: Adoption,
  input: AdoptionInput,
  device: DeviceManifest,
  secrets: ReadonlyMap<string, LiveSecret>,
): void {
  const { name } = device.metadata;
  const original = originalOf(device, input.namespace);
  const names = [name, ...device.spec.formerly.filter((text) => !text.includes("/")).reverse()];
  const candidates = [
    ...names.map(deviceSecretName),
    ...names.flatMap((each) => input.secretNames.map((pattern) => pattern.replaceAll("{device}", each))),
  ];
  const found = candidates
    .map((candidate) => secrets.get(candidate))
    .flatMap((secret) => (secret ? [{ secret, reading: readDeviceSecret(secret) }] : []))
    .find(({ reading }) => reading.credential);
  const what = `Device ${name}: MQTT user and password`;
  if (!found?.reading.credential) {
    plan.fresh.push(what);
    return;
  }
  const held = readDeviceRecord(found.secret.metadata.annotations?.[CREDENTIALS_ANNOTATION]);
  const generation = held?.record.generation ?? device.spec.credentials.generation;
  const seen = seenGeneration(input, name) ?? 0;
  if (held && held.record.oldest < generation && seen < generation) {
    plan.lockedOut.push({ device: name, oldest: Math.max(held.record.oldest, seen), generation });
  }
  const from = `Secret ${found.secret.metadata.name}`;
  plan.values[adoptedCredentialKey(original, generation)] = encodeCredential(found.reading.credential);
  plan.kept.push({ what: `${what} (user ${found.reading.credential.username})`, from });
  keepDeviceSecrets(plan, input, device, original, found.reading, from);
}

/** What its board holds, as whoever flashed has noted it. */
function seenGeneration({ objects }: AdoptionInput, device: string): number | undefined {
  const name = boardLeaseName(device);
  const lease = objects.find(({ kind, metadata }) => kind === "Lease" && metadata.name === name);
  return generationIn(lease?.metadata.annotations);
}

function keepDeviceSecrets(
  plan: Adoption,
  input: AdoptionInput,
  device: DeviceManifest,
  original: string,
  reading: SecretReading,
  from: string,
): void {
  const membership = membershipOf(input, device);
  const scheme = membership?.class.spec.security?.nvsEncryption;
  const nvsKey = scheme && reading.nvsKey(scheme);
  if (scheme && nvsKey) {
    plan.values[adoptedNvsKey(original, scheme)] = nvsKey;
    plan.kept.push({ what: `Device ${device.metadata.name}: keys of its configuration partition`, from });
  }
  const settings = membership ? resolveSettings(layersOf(membership)).settings : [];
  for (const [key, source] of Object.entries(device.spec.secrets)) {
    if (!("random" in source)) continue;
    const setting = settings.find((each) => each.key === key);
    const value = setting && reading.setting(setting);
    const what = `Device ${device.metadata.name}: the random secret "${key}"`;
    if (value === undefined) plan.fresh.push(what);
    else {
      plan.values[adoptedRandomKey("Device", original, key)] = value;
      plan.kept.push({ what, from });
    }
  }
}

function membershipOf({ documents }: AdoptionInput, device: DeviceManifest) {
  const manifests = <T>(located: { manifest: T }[]) => located.map(({ manifest }) => manifest);
  const fleet = new Fleet({
    clusters: manifests(documents.clusters),
    classes: manifests(documents.classes),
    groups: manifests(documents.groups),
    devices: [device],
  });
  return [...fleet.devices()][0];
}

/** The tokens that the components would write (components/ownership.ts). */
function planOwners(
  plan: Adoption,
  input: AdoptionInput,
  cluster: DevicesClusterManifest,
  members: readonly Manifest[],
): void {
  const { namespace, project, stack, from } = input;
  const stackToken = `${project}/${stack}`;
  const expected = new Map<string, string>();
  const clusterToken = `${stackToken}/${cluster.metadata.name}`;
  expected.set(`Namespace ${namespace}`, clusterToken);
  expected.set(`Secret ${clusterSecretName(cluster.metadata.name)}`, clusterToken);
  for (const member of members) {
    const token = `${stackToken}/${namespace}/${member.metadata.name}`;
    for (const object of objectsOf(member)) expected.set(object, token);
  }
  for (const object of input.objects) {
    const before = object.metadata.annotations?.[OWNER_ANNOTATION];
    const wanted = expected.get(`${object.kind} ${object.metadata.name}`);
    if (before === undefined) {
      if (wanted !== undefined) plan.owners.push({ object, token: wanted, before });
      continue;
    }
    const [theirProject, theirStack, ...resource] = before.split("/");
    const theirs = `${theirProject}/${theirStack}`;
    if (theirs !== stackToken && theirs !== from) plan.foreign.push({ object, token: before });
    else if (theirs !== stackToken || (wanted !== undefined && wanted !== before)) {
      plan.owners.push({ object, token: wanted ?? [stackToken, ...resource].join("/"), before });
    }
  }
}

function objectsOf(manifest: Manifest): string[] {
  const { name } = manifest.metadata;
  if (manifest.kind === "DeviceClass") {
    return [`Secret ${classSecretName(name)}`, `ConfigMap ${flashConfigMapName(name)}`];
  }
  if (manifest.kind === "DeviceGroup") return [`Secret ${groupSecretName(name, manifest.spec)}`];
  return [`Secret ${deviceSecretName(name)}`];
}
