// Artefacts in the Kubernetes cluster: gzipped, cut into immutable ConfigMaps, or Secrets where the firmware was
// built with secrets. Talks to the API server.
//
// The first object tells who uses the artefact, in one annotation each. Who deletes takes its own away; the last
// one marks the object as being deleted, under the condition that nobody came in between, and removes the other
// objects before it. Who finds the mark finishes the deletion and starts anew. Objects are only ever removed by
// their uid, so that nobody removes what was written since it looked.

import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesApi } from "../../kubernetes/api.ts";
import { KubernetesError } from "../../kubernetes/kubernetes-error.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { damaged, gunzipArchive, gzipArchive, writeArchiveFiles } from "../artifact-files.ts";
import type { ArtifactReference, ArtifactStore, FirmwareArtifact } from "../contract.ts";
import {
  ARTIFACT_LABEL,
  DELETING,
  digestOfPart,
  isUsed,
  joinParts,
  kindFor,
  type PartKind,
  type PartObject,
  partCount,
  partName,
  planParts,
  shortDigest,
  userAnnotation,
} from "./artifact-parts.ts";

export interface ClusterStoreOptions {
  api: KubernetesApi;
  namespace: string;
  /** Who uses what this store puts: project, stack and class, say. */
  user: string;
}

/** Somebody else changed the object at the same moment. Nobody is unlucky that often. */
const MAX_TRIES = 30;
/** Tries for which somebody else's half-written artefact is left alone, and the pause between them (ms). */
const PATIENCE = 10;
const PAUSE = 300;
const FIELD_MANAGER = "edgeflock-artifact";

export class ClusterStore implements ArtifactStore {
  readonly #api: KubernetesApi;
  readonly #namespace: string;
  readonly #user: string;

  constructor(options: ClusterStoreOptions) {
    this.#api = options.api;
    this.#namespace = options.namespace;
    this.#user = options.user;
  }

  async put(artifact: FirmwareArtifact, archive: Uint8Array): Promise<ArtifactReference> {
    const kind = kindFor(artifact);
    const parts = planParts(artifact, await gzipArchive(archive), this.#namespace);
    for (let attempt = 1; attempt <= MAX_TRIES; attempt++) {
      const found = await this.#list(kind, this.#namespace, artifact.digest);
      this.#refuseOthers(found, artifact.digest);
      if (found.some(isBeingDeleted)) await this.#removeAll(found);
      else if (await isWhole(artifact.digest, found)) {
        if (this.#isClaimed(found)) return this.#reference(artifact, found);
        await this.#replace(this.#usedBy(firstOf(found)!));
      } else if (!(await this.#createMissing(parts, found))) {
        // All pieces are there and yet do not fit: somebody is writing them with another version of gzip, or
        // they are damaged.
        if (attempt > PATIENCE) await this.#removeAll(found);
        else await sleep(PAUSE);
      }
    }
    throw this.#contested(artifact.digest);
  }

  async get(reference: ArtifactReference, folder: string): Promise<void> {
    const archive = await this.#read(reference);
    if (!archive) throw damaged(reference.digest, `namespace ${locationOf(reference).namespace}`);
    await writeArchiveFiles(archive, folder);
  }

  async has(reference: ArtifactReference): Promise<boolean> {
    return (await this.#read(reference)) !== undefined;
  }

  async delete(reference: ArtifactReference): Promise<void> {
    const { namespace } = locationOf(reference);
    const kind = kindFor(reference);
    for (let attempt = 1; attempt <= MAX_TRIES; attempt++) {
      const found = await this.#list(kind, namespace, reference.digest);
      this.#refuseOthers(found, reference.digest);
      const first = firstOf(found);
      if (!first) return await this.#removeAll(found);
      const annotations = { ...first.metadata.annotations };
      delete annotations[userAnnotation(this.#user)];
      const rest = { ...first, metadata: { ...first.metadata, annotations } };
      if (!isUsed(rest)) annotations[DELETING] = "true";
      if (await this.#replace(rest)) {
        if (!isUsed(rest)) await this.#removeAll(found);
        return;
      }
    }
    throw this.#contested(reference.digest);
  }

  async keepOnly(reference: ArtifactReference): Promise<void> {
    const { namespace } = locationOf(reference);
    for (const kind of ["ConfigMap", "Secret"] as const) {
      const firsts = await this.#api.listMetadata(
        { apiVersion: "v1", kind, namespace },
        { labelSelector: ARTIFACT_LABEL },
      );
      for (const first of firsts) {
        const digest = digestOfPart(first);
        const mine = first.metadata.annotations?.[userAnnotation(this.#user)] !== undefined;
        if (!mine || digest === undefined || digest === reference.digest) continue;
        const { secretBearing: _, ...rest } = reference;
        await this.delete({ ...rest, digest, ...(kind === "Secret" && { secretBearing: true }) });
      }
    }
  }

  #reference(artifact: FirmwareArtifact, found: PartObject[]): ArtifactReference {
    const parts = Array.from({ length: partCount(found) }, (_, index) => partName(artifact.digest, index));
    const objects = artifact.secretBearing ? { objects: "Secret" as const } : {};
    return { ...artifact, store: { kind: "cluster", namespace: this.#namespace, parts, ...objects } };
  }

  async #read(reference: ArtifactReference): Promise<Uint8Array | undefined> {
    const found = await this.#list(kindFor(reference), locationOf(reference).namespace, reference.digest);
    if (found.some(isBeingDeleted)) return undefined;
    const compressed = joinParts(reference.digest, found);
    return compressed && (await gunzipArchive(compressed, reference.digest));
  }

  #list(kind: PartKind, namespace: string, digest: string): Promise<PartObject[]> {
    const labelSelector = `${ARTIFACT_LABEL}=${shortDigest(digest)}`;
    return this.#api.list<PartObject>({ apiVersion: "v1", kind, namespace }, { labelSelector });
  }

  /** @returns whether anything was missing */
  async #createMissing(parts: PartObject[], found: PartObject[]): Promise<boolean> {
    const names = new Set(found.map(({ metadata }) => metadata.name));
    const missing = parts.filter(({ metadata }) => !names.has(metadata.name));
    for (const part of missing) {
      const object = part === parts[0] ? this.#usedBy(part) : part;
      try {
        await this.#api.create(object, { fieldManager: FIELD_MANAGER });
      } catch (error) {
        // somebody else stores the same firmware at this moment
        if (!isStatus(error, 409)) throw this.#explained(error);
      }
    }
    return missing.length > 0;
  }

  #isClaimed(found: PartObject[]): boolean {
    return firstOf(found)?.metadata.annotations?.[userAnnotation(this.#user)] !== undefined;
  }

  #usedBy(part: PartObject): PartObject {
    const annotations = { ...part.metadata.annotations, [userAnnotation(this.#user)]: this.#user };
    return { ...part, metadata: { ...part.metadata, annotations } };
  }

  /** @returns false where the object has changed, or gone, since it was read */
  async #replace(part: PartObject): Promise<boolean> {
    try {
      await this.#api.replace(part);
      return true;
    } catch (error) {
      if (isStatus(error, 404) || isStatus(error, 409)) return false;
      throw this.#explained(error);
    }
  }

  /** The first goes last: as long as it is there, whoever comes sees that the others are going. */
  async #removeAll(found: PartObject[]): Promise<void> {
    const first = firstOf(found);
    const order = [...found.filter((part) => part !== first), ...(first ? [first] : [])];
    for (const { apiVersion, kind, metadata } of order) {
      const address = { apiVersion, kind, metadata: { name: metadata.name, namespace: metadata.namespace } };
      try {
        await this.#api.delete(address, metadata.uid === undefined ? {} : { uid: metadata.uid });
      } catch (error) {
        // gone already, or written anew by somebody else
        if (!isStatus(error, 404) && !isStatus(error, 409)) throw error;
      }
    }
  }

  #refuseOthers(found: PartObject[], digest: string): void {
    const other = found.find((part) => digestOfPart(part) !== digest);
    if (!other) return;
    const { kind, metadata } = other;
    throw new VisibleError(
      `${kind} ${metadata.name} in namespace ${this.#namespace} holds something else than the artefact ${digest}`,
      {
        hint: `look what it is (kubectl -n ${this.#namespace} get ${kind} ${metadata.name} -o yaml); it will not be overwritten`,
      },
    );
  }

  #contested(digest: string): VisibleError {
    return new VisibleError(`the artefact ${digest.slice(0, 19)} is being changed by others all the time`, {
      hint: "run the command again when they are done",
    });
  }

  #explained(error: unknown): unknown {
    if (!(error instanceof KubernetesError)) return error;
    if (error.status === 403 && /exceeded quota/i.test(error.message)) {
      return new VisibleError(
        `the firmware does not fit into namespace ${this.#namespace}: ${error.message}`,
        {
          hint: "raise the quota, or keep artefacts in a directory (spec.artifacts of the DevicesCluster)",
          cause: error,
        },
      );
    }
    return error;
  }
}

/** The object with the number 0. */
function firstOf(found: PartObject[]): PartObject | undefined {
  return found.find(({ metadata }) => metadata.name.endsWith("-0"));
}

function isBeingDeleted(part: PartObject): boolean {
  return part.metadata.annotations?.[DELETING] !== undefined;
}

async function isWhole(digest: string, found: PartObject[]): Promise<boolean> {
  const compressed = joinParts(digest, found);
  return compressed !== undefined && (await gunzipArchive(compressed, digest)) !== undefined;
}

function locationOf(reference: ArtifactReference) {
  if (reference.store.kind !== "cluster")
    throw new Error(`a cluster does not keep ${reference.store.kind} artefacts`);
  return reference.store;
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof KubernetesError && error.status === status;
}
