// What a flash script is made from. Types only.

/**
 * A firmware artefact in its store, the part of it that flashing needs. An `ArtifactReference` of
 * builders/contract.ts is one.
 */
export interface FlashableArtifact {
  /** `sha256:` and the hexadecimal digest of the uncompressed canonical tar. */
  digest: string;
  chip: string;
  /** As esptool spells it, "4MB". */
  flashSize?: string | undefined;
  version: string;
  files: readonly FlashableFile[];
  /** Where the partition table has the configuration partition; bytes. */
  config: { label: string; offset: number; size: number };
  store:
    | {
        kind: "cluster";
        namespace: string /** ConfigMaps with binaryData key "part", in order */;
        parts: readonly string[];
      }
    | { kind: "directory" /** the gzipped tar */; path: string };
}

export interface FlashableFile {
  /** Bytes from the start of the flash. */
  offset: number;
  path: string;
  /** Hexadecimal digits. */
  sha256: string;
  /** Bytes. */
  size: number;
}

export interface FlashScriptInput {
  className: string;
  clusterName: string;
  namespace: string;
  /** As esptool's `--chip` spells it. */
  chip: string;
  artifact: FlashableArtifact;
  /** UID of the kube-system namespace, by which a script refuses the wrong kube-context. */
  clusterUid?: string | undefined;
}
