// A whole stack from its manifests: declares the clusters, then classes and groups, then devices, then access to all.
import type * as pulumi from "@pulumi/pulumi";
import type { Documents, Located } from "../model/load-manifests.ts";
import { type Problem, ProblemsError } from "../model/problem.ts";
import type { Manifest, SecretSource } from "../model/schema.ts";
import { artifactCredentials } from "../model/schema-artifacts.ts";
import { Device } from "./device.ts";
import { DeviceClass } from "./device-class.ts";
import { DeviceGroup } from "./device-group.ts";
import { DevicesCluster } from "./devices-cluster.ts";
import { FleetAccess } from "./fleet-access.ts";
import { RegistrationWindow } from "./registration-window.ts";
import { roleKubeconfigs } from "./role-kubeconfigs.ts";
import { missingSecret } from "./secret-values.ts";

export interface Fleet {
  /** One POSIX shell script a class, by the class's name. */
  flashScripts: Record<string, pulumi.Output<string>>;
  /** For each DevicesCluster a kubeconfig a role. Secret. */
  kubeconfigs: Record<string, ReturnType<typeof roleKubeconfigs>>;
  /** For each DevicesCluster its namespace and what it holds. */
  clusters: Record<string, { namespace: string; devices: number; classes: string[]; groups: string[] }>;
}

export interface FleetOptions {
  /** Whether the manifests are objects in the namespaces that they declare, which then stay when the fleet goes. */
  inCluster?: boolean;
}

/**
 * Declares everything. Resources are named `<namespace>/<name>`: where a manifest stands in which file plays no part.
 *
 * Resolves when all is declared, which for a large fleet is after most of it is done.
 *
 * @throws ProblemsError naming, with file and line, every secret that has no value now
 */
export async function declareFleet(
  documents: Documents,
  { inCluster = false }: FleetOptions = {},
): Promise<Fleet> {
  requireAllSecrets(documents);
  const clusters = new Map<string, DevicesCluster>();
  for (const { manifest } of documents.clusters) {
    const { metadata, spec } = manifest;
    clusters.set(
      spec.namespace,
      new DevicesCluster(metadata.name, {
        ...spec,
        metadata: metadataArgs(manifest),
        keepNamespace: inCluster,
      }),
    );
  }
  const clusterOf = (manifest: Manifest) => clusterFor(manifest, clusters);
  const fleet: Fleet = { flashScripts: {}, kubeconfigs: {}, clusters: {} };
  for (const cluster of clusters.values()) {
    fleet.clusters[cluster.clusterName] = {
      namespace: cluster.namespaceName,
      devices: 0,
      classes: [],
      groups: [],
    };
  }
  const summary = (cluster: DevicesCluster) => fleet.clusters[cluster.clusterName]!;
  for (const { manifest } of documents.classes) {
    const cluster = clusterOf(manifest);
    const name = manifest.metadata.name;
    const deviceClass = new DeviceClass(`${cluster.namespaceName}/${name}`, {
      cluster,
      ...manifest.spec,
      metadata: metadataArgs(manifest),
    });
    fleet.flashScripts[clusters.size > 1 ? `${cluster.namespaceName}/${name}` : name] =
      deviceClass.flashScript;
    summary(cluster).classes.push(name);
  }
  for (const { manifest } of documents.groups) {
    const cluster = clusterOf(manifest);
    const name = manifest.metadata.name;
    new DeviceGroup(`${cluster.namespaceName}/${name}`, {
      cluster,
      ...manifest.spec,
      metadata: metadataArgs(manifest),
    });
    summary(cluster).groups.push(name);
  }
  await Promise.all([...clusters.values()].map((cluster) => cluster.settled()));
  const window = new RegistrationWindow();
  for (const { manifest } of documents.devices) {
    await window.room();
    const cluster = clusterOf(manifest);
    const device = new Device(`${cluster.namespaceName}/${manifest.metadata.name}`, {
      cluster,
      ...manifest.spec,
      metadata: metadataArgs(manifest),
    });
    if (device.resource) window.add(device.resource);
    summary(cluster).devices++;
  }
  for (const cluster of clusters.values()) {
    new FleetAccess(cluster.namespaceName, { cluster });
    fleet.kubeconfigs[cluster.clusterName] = roleKubeconfigs(cluster);
  }
  return fleet;
}

/** Loading has checked that there is exactly one. */
function clusterFor(manifest: Manifest, clusters: Map<string, DevicesCluster>): DevicesCluster {
  const { namespace } = manifest.metadata;
  const cluster = namespace === undefined ? [...clusters.values()][0] : clusters.get(namespace);
  if (!cluster) throw new Error(`no DevicesCluster for ${manifest.kind} ${manifest.metadata.name}`);
  return cluster;
}

function metadataArgs({ metadata }: Manifest) {
  return { name: metadata.name, ...(metadata.labels && { labels: metadata.labels }) };
}

function requireAllSecrets(documents: Documents): void {
  const problems: Problem[] = [];
  for (const located of [documents.clusters, documents.classes, documents.groups, documents.devices].flat()) {
    problems.push(...missingSecrets(located));
  }
  if (problems.length > 0) throw new ProblemsError(problems);
}

function missingSecrets({ manifest, file, at }: Located<Manifest>): Problem[] {
  return secretSources(manifest).flatMap(([path, source]) => {
    const message = missingSecret(source, [manifest.kind, manifest.metadata.name, path.at(-1)!]);
    return message === undefined ? [] : [{ file, ...at(path), path: path.join("."), message }];
  });
}

function secretSources(manifest: Manifest): [path: string[], source: SecretSource][] {
  const secrets = Object.entries(manifest.spec.secrets as Record<string, SecretSource>).map(
    ([key, source]): [string[], SecretSource] => [["spec", "secrets", key], source],
  );
  if (manifest.kind !== "DevicesCluster") return secrets;
  const { mqtt, telemetry, artifacts } = manifest.spec;
  const credentials = artifactCredentials(artifacts).map(({ path, source }): [string[], SecretSource] => [
    ["spec", "artifacts", ...path],
    source,
  ]);
  const admin = Object.entries(mqtt.broker.admin ?? {}).flatMap(
    ([key, source]): [string[], SecretSource][] =>
      typeof source === "string" ? [] : [[["spec", "mqtt", "broker", "admin", key], source]],
  );
  const influx = telemetry?.influxdb.admin.password;
  return [
    ...secrets,
    ...credentials,
    ...admin,
    ...(influx
      ? [[["spec", "telemetry", "influxdb", "admin", "password"], influx] as [string[], SecretSource]]
      : []),
  ];
}
