// Artefacts in the Kubernetes cluster: gzipped, cut into immutable ConfigMaps, or Secrets where the firmware was
// built with secrets. Talks to the API server.
//
// The first object tells who uses the artefact, in one annotation each. Who deletes takes its own away; the last
// one marks the object as being deleted, under the condition that nobody came in between, and removes the other
// objects before it. Who finds the mark finishes the deletion and starts anew. Objects are only ever removed by
// their uid, so that nobody removes what was written since it looked.

import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesApi, KubernetesObject } from "../../kubernetes/api.ts";
import { KubernetesError } from "../../kubernetes/kubernetes-error.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { FoundBuild } from "../artifact-cache.ts";
import { gunzipArchive, gzipArchive } from "../artifact-files.ts";
import type { BuildRecord } from "../build-record.ts";
import type {
  ArtifactReference,
  ArtifactStore,
  FirmwareArtifact,
  StoredArtifact,
  StoredReference,
} from "../contract.ts";
import {
  ARTIFACT_LABEL,
  buildLabel,
  DELETING,
  digestOfPart,
  isUsed,
  joinParts,
  kindFor,
  type PartKind,
  type PartObject,
  PUT_AT,
  partCount,
  partName,
  planParts,
  planRecord,
  readRecord,
  recordName,
  shortDigest,
  userAnnotation,
  usersOf,
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
/** Milliseconds. */
const CLAIM_IS_FRESH_FOR = 10 * 60_000;
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

  async put(
    artifact: FirmwareArtifact,
    archive: Uint8Array,
    record?: BuildRecord,
  ): Promise<ArtifactReference> {
    const reference = await this.#put(artifact, archive);
    if (record) await this.#noteBuild(record);
    return reference;
  }

  async #put(artifact: FirmwareArtifact, archive: Uint8Array): Promise<ArtifactReference> {
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

  async read(reference: StoredReference): Promise<Uint8Array | undefined> {
    const found = await this.#list(kindFor(reference), locationOf(reference).namespace, reference.digest);
    return await archiveOf(reference.digest, found);
  }

  async findBuild(contentHash: string): Promise<FoundBuild | undefined> {
    const records = await this.#api.list<PartObject>(
      { apiVersion: "v1", kind: "ConfigMap", namespace: this.#namespace },
      { labelSelector: buildLabel(contentHash) },
    );
    const record = readRecord(records);
    if (!record) return undefined;
    const parts = await this.#list("ConfigMap", this.#namespace, record.digest);
    const archive = await archiveOf(record.digest, parts);
    return archive && { archive, record: { ...record, contentHash } };
  }

  async list(): Promise<StoredArtifact[]> {
    const all: StoredArtifact[] = [];
    for (const kind of ["ConfigMap", "Secret"] as const) {
      const objects = await this.#api.listMetadata(
        { apiVersion: "v1", kind, namespace: this.#namespace },
        { labelSelector: ARTIFACT_LABEL },
      );
      const digests = new Set(objects.map(digestOfPart).filter((digest) => digest !== undefined));
      for (const digest of digests) {
        const own = objects.filter((object) => digestOfPart(object) === digest);
        all.push(...(await this.#describe(kind, digest, own)));
      }
    }
    return all;
  }

  async #describe(kind: PartKind, digest: string, objects: KubernetesObject[]): Promise<StoredArtifact[]> {
    const first = firstOf(objects);
    const metadata = { name: recordName(digest), namespace: this.#namespace };
    const object = await this.#api.getOrUndefined<PartObject>({ apiVersion: "v1", kind, metadata });
    const record = object && readRecord([object]);
    const parts = objects.map(({ metadata: { name } }) => name).filter((name) => /-\d+$/.test(name));
    const putAt = first?.metadata.annotations?.[PUT_AT];
    const secret = kind === "Secret";
    const stored: StoredArtifact = {
      digest,
      where: `${kind} ${this.#namespace}/${partName(digest, 0)}${parts.length > 1 ? `…${parts.length - 1}` : ""}`,
      ...(putAt !== undefined && { putAt }),
      ...(record && { record }),
      reference: {
        digest,
        ...(secret && { secretBearing: true as const }),
        store: { kind: "cluster", namespace: this.#namespace, parts, ...(secret && { objects: "Secret" }) },
      },
    };
    const users = first ? usersOf(first) : [];
    return users.length === 0 ? [stored] : users.map((user) => ({ ...stored, user }));
  }

  async delete(reference: StoredReference): Promise<void> {
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

  async keepOnly(reference: StoredReference): Promise<void> {
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
        const secret = kind === "Secret" && { secretBearing: true as const };
        await this.delete({ digest, store: reference.store, ...secret });
      }
    }
  }

  #reference(artifact: FirmwareArtifact, found: PartObject[]): ArtifactReference {
    const parts = Array.from({ length: partCount(found) }, (_, index) => partName(artifact.digest, index));
    const objects = artifact.secretBearing ? { objects: "Secret" as const } : {};
    return { ...artifact, store: { kind: "cluster", namespace: this.#namespace, parts, ...objects } };
  }

  /** The first build of these bytes is the one that is told of; a further content hash that led to them is added. */
  async #noteBuild(record: BuildRecord): Promise<void> {
    const planned = planRecord(record, this.#namespace);
    const { apiVersion, kind, metadata } = planned;
    const address = { apiVersion, kind, metadata: { name: metadata.name, namespace: metadata.namespace } };
    const there = await this.#api.getOrUndefined<PartObject>(address);
    if (!there) {
      await this.#api.create(planned, { fieldManager: FIELD_MANAGER }).catch((error) => {
        // somebody else notes the same at this moment
        if (!isStatus(error, 409)) throw this.#explained(error);
      });
      return;
    }
    const labels = { ...there.metadata.labels, ...metadata.labels };
    if (Object.keys(labels).length === Object.keys(there.metadata.labels ?? {}).length) return;
    // one that loses this race is built once more elsewhere
    await this.#replace({ ...there, metadata: { ...there.metadata, labels } });
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

  /** Claimed long ago counts anew: whoever clears up must see that it is wanted now. */
  #isClaimed(found: PartObject[]): boolean {
    const { annotations = {} } = firstOf(found)?.metadata ?? {};
    const fresh = Date.now() - Date.parse(annotations[PUT_AT] ?? "") < CLAIM_IS_FRESH_FOR;
    return annotations[userAnnotation(this.#user)] !== undefined && fresh;
  }

  #usedBy(part: PartObject): PartObject {
    const annotations = {
      ...part.metadata.annotations,
      [userAnnotation(this.#user)]: this.#user,
      [PUT_AT]: new Date().toISOString(),
    };
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
function firstOf<T extends { metadata: { name: string } }>(found: T[]): T | undefined {
  return found.find(({ metadata }) => metadata.name.endsWith("-0"));
}

function isBeingDeleted(part: PartObject): boolean {
  return part.metadata.annotations?.[DELETING] !== undefined;
}

async function isWhole(digest: string, found: PartObject[]): Promise<boolean> {
  return (await archiveOf(digest, found)) !== undefined;
}

async function archiveOf(digest: string, found: PartObject[]): Promise<Uint8Array | undefined> {
  if (found.some(isBeingDeleted)) return undefined;
  const compressed = joinParts(digest, found);
  return compressed && (await gunzipArchive(compressed, digest));
}

function locationOf(reference: StoredReference) {
  if (reference.store.kind !== "cluster")
    throw new Error(`a cluster does not keep ${reference.store.kind} artefacts`);
  return reference.store;
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof KubernetesError && error.status === status;
}
