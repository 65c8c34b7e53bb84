// How an artefact is laid out in Kubernetes objects: names, labels, annotations, pieces. Pure.
import { createHash } from "node:crypto";
import type { FirmwareArtifact } from "../contract.ts";

/** Bytes in one object: etcd's limit for a request is 1.5 MiB, that of a ConfigMap 1 MiB. */
export const PART_SIZE = 900 * 1024;

export const ARTIFACT_LABEL = "edgeflock.io/artifact";
const DIGEST = "edgeflock.io/digest";
const PARTS = "edgeflock.io/parts";
const PART_DIGEST = "edgeflock.io/part-sha256";
/** On the first object while its artefact is being deleted. */
export const DELETING = "edgeflock.io/deleting";
const USER_PREFIX = "used-by.edgeflock.io/";

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
  binaryData?: { part?: string };
  /** Of a Secret. */
  data?: { part?: string };
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

export function kindFor(artifact: FirmwareArtifact): PartKind {
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
