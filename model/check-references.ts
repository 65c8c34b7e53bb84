// Checks between manifests: names that are there twice, membership, references, names of Secrets. Pure; touches nothing.
import { checkFormerNames } from "./check-former-names.ts";
import type { Declared } from "./declared.ts";
import { clusterOf } from "./fleet.ts";
import type { LoadOptions } from "./load-manifests.ts";
import {
  classSecretName,
  clusterSecretName,
  deviceSecretName,
  groupSecretName,
  RESERVED_ENDINGS,
} from "./names.ts";
import { type Problem, quote } from "./problem.ts";
import type { DeviceGroupManifest, DeviceManifest, DevicesClusterManifest, Manifest } from "./schema.ts";
import { suggest } from "./suggest.ts";

export function checkReferences(declared: Declared, options: LoadOptions): Problem[] {
  const problems: Problem[] = [];
  checkDuplicates(declared, problems);
  problems.push(...checkFormerNames(declared, (manifest) => namespaceOf(declared, manifest)));
  checkMembership(declared, problems);
  checkClassReferences(declared, problems);
  checkBuilders(declared, options.firmwareBuilders, problems);
  checkSensors(declared, options.sensorProblem, problems);
  checkBuildSecrets(declared, problems);
  checkSecretNames(declared, problems);
  checkPorts(declared, problems);
  return problems;
}

/** The namespace that a manifest's objects go to; its own words where its cluster isn't there. */
function namespaceOf(declared: Declared, manifest: Manifest): string {
  if (manifest.kind === "DevicesCluster") return "";
  return clusterOf(manifest, declared.clusters)?.spec.namespace ?? manifest.metadata.namespace ?? "";
}

function checkDuplicates(declared: Declared, problems: Problem[]): void {
  const names = new Map<string, Manifest>();
  for (const manifest of declared.all()) {
    const id = `${manifest.kind} ${namespaceOf(declared, manifest)} ${manifest.metadata.name}`;
    const other = names.get(id);
    if (other) {
      problems.push(
        declared.problem(manifest, ["metadata", "name"], `${declared.describe(other)} has this name already`),
      );
    } else names.set(id, manifest);
  }
  for (const cluster of declared.clusters) {
    const other = otherOfNamespace(declared, cluster);
    if (!other) continue;
    const message = `${declared.describe(other)} has this namespace already; each DevicesCluster needs its own`;
    problems.push(declared.problem(cluster, ["spec", "namespace"], message));
  }
}

/** Each of them is told of, as nothing says which of them its members belong to. */
function otherOfNamespace(
  declared: Declared,
  { metadata, spec }: DevicesClusterManifest,
): DevicesClusterManifest | undefined {
  // those of one name are one object that is there twice, which is told already
  return declared.clusters.find(
    (each) => each.spec.namespace === spec.namespace && each.metadata.name !== metadata.name,
  );
}

function checkMembership(declared: Declared, problems: Problem[]): void {
  if (declared.isBroken("DevicesCluster")) return;
  const { clusters } = declared;
  const members = [...declared.classes, ...declared.groups, ...declared.devices];
  if (clusters.length === 0) {
    if (members[0])
      problems.push(
        declared.problem(members[0], [], "no DevicesCluster in this stack; everything belongs to one"),
      );
    return;
  }
  const namespaces = clusters.map((cluster) => cluster.spec.namespace);
  for (const manifest of members) {
    if (clusterOf(manifest, clusters)) continue;
    const { namespace } = manifest.metadata;
    if (namespace === undefined) {
      const message = `belongs to no DevicesCluster: the stack has several, so metadata.namespace must be one of ${namespaces.join(", ")}`;
      problems.push(declared.problem(manifest, ["metadata"], message, "key"));
    } else {
      const message = `belongs to no DevicesCluster: none has the namespace ${quote(namespace)}`;
      const problem = declared.problem(manifest, ["metadata", "namespace"], message);
      problems.push(withSuggestion(problem, namespace, namespaces));
    }
  }
}

function checkClassReferences(declared: Declared, problems: Problem[]): void {
  const classes = new Map<string, Set<string>>();
  for (const each of declared.classes) {
    const namespace = namespaceOf(declared, each);
    classes.set(namespace, (classes.get(namespace) ?? new Set()).add(each.metadata.name));
  }
  for (const device of declared.devices) {
    const { name } = device.spec.deviceClassReference;
    const there = classes.get(namespaceOf(declared, device));
    if (there?.has(name) || declared.isBroken("DeviceClass", name)) continue;
    problems.push(missingClass(declared, device, name, [...(there ?? [])]));
  }
}

function missingClass(declared: Declared, device: DeviceManifest, name: string, there: string[]): Problem {
  const elsewhere = declared.classes.find((each) => each.metadata.name === name);
  const message =
    elsewhere === undefined
      ? `there is no DeviceClass ${quote(name)}`
      : `${declared.describe(elsewhere)} belongs to another DevicesCluster; a device takes a class of its own`;
  const problem = declared.problem(device, ["spec", "deviceClassReference", "name"], message);
  return elsewhere === undefined ? withSuggestion(problem, name, there) : problem;
}

function checkBuilders(declared: Declared, known: readonly string[] | undefined, problems: Problem[]): void {
  if (known === undefined) return;
  for (const each of declared.classes) {
    const { name } = each.spec.firmware.builder;
    if (known.includes(name)) continue;
    const message = `there is no firmware builder ${quote(name)}; expected one of ${known.join(", ")}`;
    const problem = declared.problem(each, ["spec", "firmware", "builder", "name"], message);
    problems.push(withSuggestion(problem, name, known));
  }
}

function checkSensors(
  declared: Declared,
  sensorProblem: LoadOptions["sensorProblem"],
  problems: Problem[],
): void {
  if (!sensorProblem) return;
  for (const each of declared.classes) {
    for (const [index, sensor] of each.spec.sensors.entries()) {
      const message = sensorProblem(each.spec.firmware.builder, sensor);
      if (message === undefined) continue;
      problems.push(declared.problem(each, ["spec", "sensors", index, "driver"], message));
    }
  }
}

/** A build belongs to a class, so it can read what the class and its cluster hold, and nothing of groups and devices. */
function checkBuildSecrets(declared: Declared, problems: Problem[]): void {
  for (const each of declared.classes) {
    const cluster = clusterOf(each, declared.clusters);
    const known = Object.keys({ ...cluster?.spec.secrets, ...each.spec.secrets });
    for (const [index, key] of each.spec.firmware.secrets.entries()) {
      if (known.includes(key) || (cluster === undefined && declared.isBroken("DevicesCluster"))) continue;
      const message = `${quote(key)} is no secret of this class or its DevicesCluster, the only ones that a build can read`;
      problems.push(
        withSuggestion(declared.problem(each, ["spec", "firmware", "secrets", index], message), key, known),
      );
    }
  }
}

function checkSecretNames(declared: Declared, problems: Problem[]): void {
  const owners = new Map<string, Manifest>();
  for (const group of declared.groups) {
    const reserved = reservedSecretName(group);
    if (reserved) problems.push(declared.problem(group, ["spec", "secret", "name"], reserved));
    const id = `${namespaceOf(declared, group)}/${groupSecretName(group.metadata.name, group.spec)}`;
    const other = owners.get(id);
    if (other && group.spec.secret && other.metadata.name !== group.metadata.name) {
      const message = `${declared.describe(other)} writes a Secret of this name already`;
      problems.push(declared.problem(group, ["spec", "secret", "name"], message));
    }
    owners.set(id, group);
  }
  const ours = new Map(declared.all().map((manifest) => [ownSecret(declared, manifest), manifest]));
  for (const manifest of declared.all()) {
    for (const [key, source] of Object.entries(manifest.spec.secrets)) {
      if (!("fromSecret" in source)) continue;
      const namespace =
        manifest.kind === "DevicesCluster" ? manifest.spec.namespace : namespaceOf(declared, manifest);
      const owner = ours.get(`${namespace}/${source.fromSecret.name}`);
      if (owner === undefined) continue;
      const message = `Edgeflock itself writes this Secret, for ${declared.describe(owner)}; take the value from where that one does`;
      problems.push(declared.problem(manifest, ["spec", "secrets", key, "fromSecret", "name"], message));
    }
  }
}

/** Two boards cannot be at one port. */
function checkPorts(declared: Declared, problems: Problem[]): void {
  const owners = new Map<string, DeviceManifest>();
  for (const device of declared.devices) {
    const port = device.spec.flash?.via.port;
    if (port === undefined) continue;
    const other = owners.get(port);
    owners.set(port, other ?? device);
    if (!other) continue;
    const message = `${declared.describe(other)} has its board at this port already`;
    problems.push(declared.problem(device, ["spec", "flash", "via", "port"], message));
  }
}

function reservedSecretName(group: DeviceGroupManifest): string | undefined {
  const name = group.spec.secret?.name;
  if (name === undefined || name === groupSecretName(group.metadata.name)) return undefined;
  const ending = RESERVED_ENDINGS.find((each) => name.endsWith(each));
  return ending && `names that end with "${ending}" are Edgeflock's own; choose another`;
}

function ownSecret(declared: Declared, manifest: Manifest): string {
  const { name } = manifest.metadata;
  switch (manifest.kind) {
    case "DevicesCluster":
      return `${manifest.spec.namespace}/${clusterSecretName(name)}`;
    case "DeviceClass":
      return `${namespaceOf(declared, manifest)}/${classSecretName(name)}`;
    case "DeviceGroup":
      return `${namespaceOf(declared, manifest)}/${groupSecretName(name, manifest.spec)}`;
    case "Device":
      return `${namespaceOf(declared, manifest)}/${deviceSecretName(name)}`;
    default:
      return manifest satisfies never;
  }
}

function withSuggestion(problem: Problem, written: string, known: readonly string[]): Problem {
  const suggestion = suggest(written, known);
  return suggestion === undefined ? problem : { ...problem, suggestion };
}
