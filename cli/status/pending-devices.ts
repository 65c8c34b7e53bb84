// What the manifests of a stack say of its devices, as far as it matters to boards. Reads the manifests.
import type { PendingDevice } from "../../flash/status/device-status.ts";
import { clusterOf } from "../../model/fleet.ts";
import { loadManifests } from "../../model/load-manifests.ts";
import { oldestGeneration } from "../../model/mqtt-credentials.ts";
import { readManifestFiles } from "../../model/read-manifest-files.ts";
import { listStacks, type ManifestOptions, manifestsFolder } from "../stack-folder.ts";

/** By namespace, then by name; undefined where there are no manifests here. */
export type PendingFleets = Map<string, Map<string, PendingDevice>>;

/** @throws ProblemsError for manifests that "pulumi up" would refuse; VisibleError where several stacks are there */
export function pendingFleets(options: ManifestOptions): PendingFleets | undefined {
  const asked = options.stack !== undefined || options.manifests !== undefined;
  if (!asked && listStacks().length === 0) return undefined;
  const { clusters, devices } = loadManifests(readManifestFiles(manifestsFolder(options)));
  const manifests = clusters.map(({ manifest }) => manifest);
  const fleets: PendingFleets = new Map(manifests.map(({ spec }) => [spec.namespace, new Map()]));
  for (const { manifest } of devices) {
    const cluster = clusterOf(manifest, manifests)?.spec;
    const { name } = manifest.metadata;
    const { spec } = manifest;
    if (cluster === undefined) continue;
    fleets.get(cluster.namespace)?.set(name, {
      device: name,
      class: spec.deviceClassReference.name,
      // an external broker's users are somebody else's: nothing is retired there
      oldest: cluster.mqtt.broker.kind === "external" ? 1 : oldestGeneration(spec.credentials),
      formerly: spec.formerly.map((text) => text.split("/").at(-1) as string),
    });
  }
  return fleets;
}
