// How manifests belong together: which cluster, class and groups a device has, and its four layers. Pure; touches nothing.
import type { Layer, Layers } from "./resolve.ts";
import type {
  DeviceClassManifest,
  DeviceGroupManifest,
  DeviceManifest,
  DevicesClusterManifest,
  Manifest,
  SecretSource,
} from "./schema.ts";
import { type GroupIndex, indexGroups } from "./selectors.ts";

/** What belongs to one DevicesCluster. */
export interface ClusterMembers {
  cluster: DevicesClusterManifest;
  classes: Map<string, DeviceClassManifest>;
  groups: DeviceGroupManifest[];
  devices: DeviceManifest[];
}

/**
 * The cluster of a manifest: the one whose `spec.namespace` is its `metadata.namespace`; where that is left out, the
 * only one. Undefined where there is none, or more than one to choose from.
 */
export function clusterOf(
  manifest: Manifest,
  clusters: readonly DevicesClusterManifest[],
): DevicesClusterManifest | undefined {
  const { namespace } = manifest.metadata;
  if (namespace === undefined) return clusters.length === 1 ? clusters[0] : undefined;
  return clusters.find((cluster) => cluster.spec.namespace === namespace);
}

/** A device and all that it gets settings from. */
export interface DeviceMembership {
  cluster: DevicesClusterManifest;
  class: DeviceClassManifest;
  /** The groups that select it, in the order of the manifests. */
  groups: DeviceGroupManifest[];
  device: DeviceManifest;
}

/** Finds what each device belongs to; groups are indexed, so it takes constant work per device. */
export class Fleet {
  readonly members: ClusterMembers[];
  readonly #index = new Map<ClusterMembers, GroupIndex<DeviceGroupManifest>>();

  constructor(manifests: {
    clusters: readonly DevicesClusterManifest[];
    classes: readonly DeviceClassManifest[];
    groups: readonly DeviceGroupManifest[];
    devices: readonly DeviceManifest[];
  }) {
    const { clusters } = manifests;
    const byCluster = new Map<DevicesClusterManifest, ClusterMembers>(
      clusters.map((cluster) => [cluster, { cluster, classes: new Map(), groups: [], devices: [] }]),
    );
    const membersFor = (manifest: Manifest) => {
      const cluster = clusterOf(manifest, clusters);
      return cluster === undefined ? undefined : byCluster.get(cluster);
    };
    for (const each of manifests.classes) membersFor(each)?.classes.set(each.metadata.name, each);
    for (const each of manifests.groups) membersFor(each)?.groups.push(each);
    for (const each of manifests.devices) membersFor(each)?.devices.push(each);
    this.members = [...byCluster.values()];
    for (const members of this.members) {
      this.#index.set(
        members,
        indexGroups(members.groups, (group) => group.spec.selector),
      );
    }
  }

  /** All devices whose class is there. */
  *devices(): Generator<DeviceMembership> {
    for (const members of this.members) {
      const index = this.#index.get(members)!;
      for (const device of members.devices) {
        const deviceClass = members.classes.get(device.spec.deviceClassReference.name);
        if (deviceClass === undefined) continue;
        const groups = index.for(device.metadata.labels ?? {});
        yield { cluster: members.cluster, class: deviceClass, groups, device };
      }
    }
  }
}

/** The four layers of a device's settings, secrets as their sources. */
export function layersOf(membership: DeviceMembership): Layers<SecretSource> {
  return {
    cluster: layerOf(membership.cluster),
    class: layerOf(membership.class),
    groups: membership.groups.map(layerOf),
    device: layerOf(membership.device),
  };
}

/** What one manifest says about settings. */
export function layerOf(manifest: Manifest): Layer<SecretSource> {
  const { kind, metadata } = manifest;
  const common = { kind, name: metadata.name, secrets: manifest.spec.secrets };
  switch (kind) {
    case "DevicesCluster":
      return { ...common, settings: manifest.spec.settings };
    case "DeviceClass":
      return { ...common, settings: manifest.spec.settings, mapping: manifest.spec.config.mapping };
    case "DeviceGroup":
      return { ...common, settings: manifest.spec.settings, priority: manifest.spec.priority };
    case "Device":
      return { ...common, settings: manifest.spec.data, mapping: manifest.spec.mapping };
    default:
      return kind satisfies never;
  }
}
