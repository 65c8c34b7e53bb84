// Checks of settings over all layers: every device is resolved once, and a key that is secret anywhere in a cluster is
// secret everywhere in it. Pure; touches nothing.
import type { Declared } from "./declared.ts";
import { type ClusterMembers, Fleet, layerOf, layersOf } from "./fleet.ts";
import { type Problem, quote } from "./problem.ts";
import {
  type Provenance,
  plainAndSecret,
  provenanceOf,
  resolveSettings,
  settingSegments,
} from "./resolve.ts";
import type { DeviceClassManifest, DeviceManifest, Manifest } from "./schema.ts";

export function checkSettings(declared: Declared): Problem[] {
  const problems: Problem[] = [];
  const fleet = new Fleet(declared);
  for (const members of fleet.members) checkSecrecy(declared, members, problems);
  for (const each of [...declared.classes, ...declared.devices]) checkMappingTwice(declared, each, problems);
  for (const membership of fleet.devices()) {
    const layers = [membership.device, ...membership.groups, membership.class, membership.cluster];
    for (const problem of resolveSettings(layersOf(membership)).problems) {
      const manifest = layers.find((layer) => isAt(layer, problem.at))!;
      problems.push(declared.problem(manifest, problem.segments, problem.message));
    }
  }
  return problems;
}

function isAt(manifest: Manifest, at: Provenance): boolean {
  return manifest.kind === at.kind && manifest.metadata.name === at.name;
}

function manifestsOf(members: ClusterMembers): Manifest[] {
  return [members.cluster, ...members.classes.values(), ...members.groups, ...members.devices];
}

/** The same rule as in resolving, but over all devices: a value is no less secret where another device has it. */
function checkSecrecy(declared: Declared, members: ClusterMembers, problems: Problem[]): void {
  const secretIn = new Map<string, Provenance>();
  const manifests = manifestsOf(members);
  for (const manifest of manifests) {
    for (const key of Object.keys(manifest.spec.secrets)) {
      if (!secretIn.has(key)) secretIn.set(key, provenanceOf(layerOf(manifest)));
    }
  }
  for (const manifest of manifests) {
    for (const key of Object.keys(layerOf(manifest).settings)) {
      const secret = secretIn.get(key);
      if (secret === undefined) continue;
      problems.push(
        declared.problem(manifest, settingSegments(manifest.kind, key, false), plainAndSecret(key, secret)),
      );
    }
  }
}

function checkMappingTwice(
  declared: Declared,
  manifest: DeviceClassManifest | DeviceManifest,
  problems: Problem[],
): void {
  const path = manifest.kind === "Device" ? ["spec", "mapping"] : ["spec", "config", "mapping"];
  const seen = new Set<string>();
  for (const [index, entry] of (layerOf(manifest).mapping ?? []).entries()) {
    if (seen.has(entry.setting)) {
      problems.push(
        declared.problem(
          manifest,
          [...path, index, "setting"],
          `${quote(entry.setting)} is mapped twice here`,
        ),
      );
    }
    seen.add(entry.setting);
  }
}
