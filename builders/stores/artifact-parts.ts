// How an artefact is laid out in Kubernetes objects: names, labels, annotations, pieces. Pure.
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { parseRecord } from "../artifact-cache.ts";
import type { BuildRecord } from "../build-record.ts";
import type { FirmwareArtifact } from "../contract.ts";

/** Bytes in one object: etcd's limit for a request is 1.5 MiB, that of a ConfigMap 1 MiB. */
export const PART_SIZE = 900 * 1024;

const LARGEST_RECORD = 16 * 1024 * 1024;

export const ARTIFACT_LABEL = "edgeflock.io/artifact";
const DIGEST = "edgeflock.io/digest";
const PARTS = "edgeflock.io/parts";
const PART_DIGEST = "edgeflock.io/part-sha256";
/** On the first object while its artefact is being deleted. */
export const DELETING = "edgeflock.io/deleting";
const USER_PREFIX = "used-by.edgeflock.io/";
/** When somebody used it last, RFC 3339: what was put just now is not cleared up. */
export const PUT_AT = "edgeflock.io/put-at";
/** Prefix of a label on the record: which content hash it was built for. */
const BUILD_PREFIX = "build.edgeflock.io/";
/** The record of the build, gzipped JSON. */
export const RECORD_KEY = "record.json.gz";

export type PartKind = "ConfigMap" | "Secret";

export interface PartObject {
  apiVersion: "v1";
  kind: PartKind;
  metadata: {
    name: string;
    namespace: string;
    uid?: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  immutable?: boolean;
  type?: string;
  /** Of a ConfigMap. */
  binaryData?: { part?: string; [RECORD_KEY]?: string };
  /** Of a Secret. */
  data?: { part?: string; [RECORD_KEY]?: string };
}

/** First 16 hexadecimal digits of the digest. */
export function shortDigest(digest: string): string {
  return digest.slice("sha256:".length, "sha256:".length + 16);
}

/** The annotation by which a user holds an artefact; its value is the user in plain words. */
export function userAnnotation(user: string): string {
  return USER_PREFIX + createHash("sha256").update(user).digest("hex").slice(0, 16);
}

export function isUsed(part: PartObject): boolean {
  return Object.keys(part.metadata.annotations ?? {}).some((name) => name.startsWith(USER_PREFIX));
}

export function partName(digest: string, index: number): string {
  return `artifact-${shortDigest(digest)}-${index}`;
}

/** Users by their annotations, in plain words. */
export function usersOf(part: { metadata: { annotations?: Record<string, string> } }): string[] {
  return Object.entries(part.metadata.annotations ?? {})
    .filter(([name]) => name.startsWith(USER_PREFIX))
    .map(([, user]) => user);
}

export function recordName(digest: string): string {
  return `artifact-${shortDigest(digest)}-record`;
}

/** A label's key has 63 characters: 252 bits of the hash tell builds apart as well. */
export function buildLabel(contentHash: string): string {
  return `${BUILD_PREFIX}${contentHash.slice(0, 63)}`;
}

/** The record beside the pieces. It says how the bytes came to be, and is no part of them. */
export function planRecord(record: BuildRecord, namespace: string): PartObject {
  const kind = kindFor(record);
  const data = { [RECORD_KEY]: gzipSync(JSON.stringify(record)).toString("base64") };
  const secret = record.secretBearing === true;
  return {
    apiVersion: "v1",
    kind,
    metadata: {
      name: recordName(record.digest),
      namespace,
      labels: {
        [ARTIFACT_LABEL]: shortDigest(record.digest),
        "app.kubernetes.io/managed-by": "edgeflock",
        ...(!secret && { [buildLabel(record.contentHash)]: "" }),
      },
      annotations: { [DIGEST]: record.digest },
    },
    immutable: true,
    ...(secret ? { type: "edgeflock.io/artifact", data } : { binaryData: data }),
  };
}

/** @returns undefined where there is none, or it is of another artefact */
export function readRecord(objects: readonly PartObject[]): BuildRecord | undefined {
  const object = objects.find(({ metadata }) => metadata.name.endsWith("-record"));
  const bytes = Buffer.from((object?.binaryData ?? object?.data)?.[RECORD_KEY] ?? "", "base64");
  if (!object || bytes.length === 0) return undefined;
  try {
    const record = parseRecord(gunzipSync(bytes, { maxOutputLength: LARGEST_RECORD }).toString("utf8"));
    return record?.digest === digestOfPart(object) ? record : undefined;
  } catch {
    return undefined;
  }
}

export function kindFor(artifact: { secretBearing?: true }): PartKind {
  return artifact.secretBearing ? "Secret" : "ConfigMap";
}

/** @param compressed the gzipped archive */
export function planParts(
  artifact: FirmwareArtifact,
  compressed: Uint8Array,
  namespace: string,
): PartObject[] {
  const count = Math.max(1, Math.ceil(compressed.length / PART_SIZE));
  const kind = kindFor(artifact);
  return Array.from({ length: count }, (_, index) => {
    const bytes = compressed.subarray(index * PART_SIZE, (index + 1) * PART_SIZE);
    const part = Buffer.from(bytes).toString("base64");
    return {
      apiVersion: "v1",
      kind,
      metadata: {
        name: partName(artifact.digest, index),
        namespace,
        labels: {
          [ARTIFACT_LABEL]: shortDigest(artifact.digest),
          "app.kubernetes.io/managed-by": "edgeflock",
        },
        annotations: {
          [DIGEST]: artifact.digest,
          [PARTS]: String(count),
          [PART_DIGEST]: createHash("sha256").update(bytes).digest("hex"),
        },
      },
      immutable: true,
      ...(kind === "Secret" ? { type: "edgeflock.io/artifact", data: { part } } : { binaryData: { part } }),
    };
  });
}

export function digestOfPart(part: {
  metadata: { annotations?: Record<string, string> };
}): string | undefined {
  return part.metadata.annotations?.[DIGEST];
}

/** Of how many pieces the artefact is, by its first one; 0 where that is missing. */
export function partCount(objects: readonly PartObject[]): number {
  const first = objects.find(({ metadata }) => metadata.name.endsWith("-0"));
  return Number(first?.metadata.annotations?.[PARTS] ?? 0);
}

/** The gzipped archive from all its objects; undefined where a piece is missing or damaged. */
export function joinParts(digest: string, objects: readonly PartObject[]): Buffer | undefined {
  const byName = new Map(objects.map((object) => [object.metadata.name, object]));
  const count = partCount(objects);
  const pieces: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    const object = byName.get(partName(digest, index));
    const piece = object && Buffer.from((object.binaryData ?? object.data)?.part ?? "", "base64");
    if (!piece || digestOfPart(object) !== digest) return undefined;
    if (createHash("sha256").update(piece).digest("hex") !== object.metadata.annotations?.[PART_DIGEST])
      return undefined;
    pieces.push(piece);
  }
  return pieces.length > 0 ? Buffer.concat(pieces) : undefined;
}
