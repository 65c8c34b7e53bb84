// The manifests of a stack while they are being checked: the good ones with their documents, and what is known of the
// broken ones, so that one mistake is not reported again by everything that refers to it. Pure; touches nothing.
import { problemAt } from "./check-manifest.ts";
import type { YamlDocument } from "./compose-yaml.ts";
import type { Documents, Located } from "./load-manifests.ts";
import type { Kind } from "./names.ts";
import { type Problem, placeText } from "./problem.ts";
import type {
  DeviceClassManifest,
  DeviceGroupManifest,
  DeviceManifest,
  DevicesClusterManifest,
  Manifest,
} from "./schema.ts";

export class Declared {
  readonly clusters: DevicesClusterManifest[] = [];
  readonly classes: DeviceClassManifest[] = [];
  readonly groups: DeviceGroupManifest[] = [];
  readonly devices: DeviceManifest[] = [];
  /** A document could not be read at all, so that something may be there that we don't see. */
  isIncomplete = false;
  readonly #documents = new Map<Manifest, YamlDocument>();
  readonly #broken = new Map<Kind, Set<string>>();

  add(manifest: Manifest, document: YamlDocument): void {
    this.#documents.set(manifest, document);
    if (manifest.kind === "DevicesCluster") this.clusters.push(manifest);
    else if (manifest.kind === "DeviceClass") this.classes.push(manifest);
    else if (manifest.kind === "DeviceGroup") this.groups.push(manifest);
    else this.devices.push(manifest);
  }

  /** Notes a manifest that has problems of its own. */
  addBroken(kind: Kind | undefined, value: unknown): void {
    if (kind === undefined) {
      this.isIncomplete = true;
      return;
    }
    const names = this.#broken.get(kind) ?? new Set();
    this.#broken.set(kind, names);
    const { metadata } = value as { metadata?: { name?: unknown } | null };
    const name = typeof metadata === "object" ? metadata?.name : undefined;
    if (typeof name === "string") names.add(name);
    else this.isIncomplete = true;
  }

  /** Whether a manifest of this kind (and name) is there but has problems of its own, or may be. */
  isBroken(kind: Kind, name?: string): boolean {
    const names = this.#broken.get(kind);
    return this.isIncomplete || (name === undefined ? names !== undefined : names?.has(name) === true);
  }

  all(): Manifest[] {
    return [...this.clusters, ...this.classes, ...this.groups, ...this.devices];
  }

  problem(
    manifest: Manifest,
    path: readonly PropertyKey[],
    message: string,
    part?: "key" | "value",
  ): Problem {
    return problemAt(this.#documents.get(manifest)!, path, message, part);
  }

  /** `DeviceGroup north-hall (stacks/demo/groups.yaml:12)`; an object's place is its name. */
  describe(manifest: Manifest): string {
    const { file, line } = this.#documents.get(manifest)!;
    if (line === undefined) return file;
    return `${manifest.kind} ${manifest.metadata.name} (${placeText({ file, line })})`;
  }

  documents(): Documents {
    const locate = <T extends Manifest>(manifest: T): Located<T> => {
      const { file, line, locate } = this.#documents.get(manifest)!;
      return { manifest, file, ...(line !== undefined && { line }), at: (path) => locate(path, "value") };
    };
    return {
      clusters: this.clusters.map(locate),
      classes: this.classes.map(locate),
      groups: this.groups.map(locate),
      devices: this.devices.map(locate),
    };
  }
}
