// A small but real firmware artefact for tests: images as the chip wants them, a partition table, an archive in
// ConfigMaps or in a file. Touches the folder it is given and the cluster it is given.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { buildAppImage } from "../../../../builders/app-image.ts";
import { digestOf, packArchive } from "../../../../builders/artifact-archive.ts";
import type { ArtifactReference, FirmwareArtifact } from "../../../../builders/contract.ts";
import { writePartitionTable } from "../../../../builders/partitions/binary.ts";
import type { PartitionTable } from "../../../../builders/partitions/partition-table.ts";
import type { KubernetesApi } from "../../../../kubernetes/api.ts";

export const CONFIG = { label: "cfg", offset: 0x3f0000, size: 0x6000 };
/** Bytes that no compression makes fewer, the same in each run. */
export function noise(length: number, seed: number | string): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 32) {
    bytes.set(
      createHash("sha256")
        .update(`${seed}:${at}`)
        .digest()
        .subarray(0, Math.min(32, length - at)),
      at,
    );
  }
  return bytes;
}

export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

export const PARTITIONS: PartitionTable = [
  { type: 1, subtype: 2, offset: 0x9000, size: 0x5000, name: "nvs", flags: 0 },
  { type: 1, subtype: 0, offset: 0xe000, size: 0x2000, name: "otadata", flags: 0 },
  { type: 0, subtype: 0x10, offset: 0x10000, size: 0x1e0000, name: "ota_0", flags: 0 },
  { type: 1, subtype: 2, offset: CONFIG.offset, size: CONFIG.size, name: CONFIG.label, flags: 0 },
  { type: 1, subtype: 4, offset: 0x3f6000, size: 0x1000, name: "nvs_keys", flags: 0 },
];

export interface FirmwareOptions {
  chip?: string;
  /** The chip that the images are for, where it is not the artefact's. */
  imageChip?: string;
  version?: string;
  /** Bytes of the application. */
  size?: number;
  partitions?: PartitionTable;
  /** Changes what is put into the archive, after its digests were taken. */
  tamper?: (files: Record<string, Uint8Array>) => void;
}

export interface MadeArtifact {
  /** Without a store. */
  facts: FirmwareArtifact;
  files: { offset: number; bytes: Uint8Array }[];
  /** The gzipped archive. */
  archive: Buffer;
}

/** Makes the files and their archive. */
export function makeArtifact(options: FirmwareOptions = {}): MadeArtifact {
  const chip = options.chip ?? "esp32";
  const version = options.version ?? "1.0.0";
  const image = (length: number, seed: number | string, address: number) =>
    buildAppImage({ chip: options.imageChip ?? chip, segments: [{ address, data: noise(length, seed) }] });
  const contents: Record<string, Uint8Array> = {
    "bootloader/bootloader.bin": image(16_384, 1, 0x3fff0018),
    "partition_table/partition-table.bin": writePartitionTable(options.partitions ?? PARTITIONS),
    "app.bin": image(options.size ?? 262_144, version, 0x3f400020),
  };
  const offsets = [chip === "esp32" ? 0x1000 : 0, 0x8000, 0x10000];
  const files = Object.entries(contents).map(([path, bytes], index) => ({
    path,
    bytes,
    offset: offsets[index] as number,
  }));
  const facts = {
    chip,
    flashSize: "4MB",
    version,
    files: files.map(({ path, bytes, offset }) => ({
      path,
      offset,
      size: bytes.length,
      sha256: sha256(bytes),
    })),
    config: CONFIG,
  };
  options.tamper?.(contents);
  const tar = packArchive(new Map(Object.entries(contents)));
  return { facts: { ...facts, digest: digestOf(tar), size: tar.length }, files, archive: gzipSync(tar) };
}

/** Small, so that there are several. */
const PART_SIZE = 128 * 1024;

/** Cuts the archive into ConfigMaps, or Secrets, and gives the reference that a script is made from. */
export async function storeInCluster(
  api: KubernetesApi,
  namespace: string,
  made: MadeArtifact,
  options: { objects?: "ConfigMap" | "Secret"; partSize?: number } = {},
): Promise<ArtifactReference> {
  const { objects = "ConfigMap", partSize = PART_SIZE } = options;
  const parts: string[] = [];
  for (let at = 0; at < made.archive.length; at += partSize) {
    const name = `artifact-${made.facts.digest.slice(7, 19)}-${parts.length}`;
    parts.push(name);
    await api.apply(
      {
        apiVersion: "v1",
        kind: objects,
        metadata: { name, namespace },
        [objects === "Secret" ? "data" : "binaryData"]: {
          part: made.archive.subarray(at, at + partSize).toString("base64"),
        },
      } as never,
      { fieldManager: "test", force: true },
    );
  }
  return {
    ...made.facts,
    store: { kind: "cluster", namespace, parts, ...(objects === "Secret" && { objects }) },
  };
}
