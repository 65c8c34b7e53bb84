// Inputs of a flash script for tests of its text. Pure.
import type { FlashableArtifact, FlashScriptInput } from "../../../../flash/flash-script/input.ts";

export const ARTIFACT: FlashableArtifact = {
  digest: `sha256:${"a1".repeat(32)}`,
  chip: "esp32",
  flashSize: "4MB",
  version: "1.4.2",
  files: [
    { offset: 0x1000, path: "bootloader.bin", sha256: "b2".repeat(32), size: 17_536 },
    { offset: 0x8000, path: "partition_table/partition-table.bin", sha256: "c3".repeat(32), size: 3072 },
    { offset: 0x10000, path: "app.bin", sha256: "d4".repeat(32), size: 100_000 },
  ],
  config: { label: "cfg", offset: 0x9000, size: 0x6000 },
  store: { kind: "cluster", namespace: "greenhouse", parts: ["artifact-a1-0", "artifact-a1-1"] },
};

export const INPUT: FlashScriptInput = {
  className: "esp32-cam",
  clusterName: "greenhouse",
  namespace: "greenhouse",
  chip: "esp32",
  artifact: ARTIFACT,
  clusterUid: "46ed7718-3c0b-4781-8136-f6c58184c81a",
};

export function inputWith(changes: Partial<FlashScriptInput>): FlashScriptInput {
  return { ...INPUT, ...changes };
}

export function artifactWith(changes: Partial<FlashableArtifact>): FlashScriptInput {
  return { ...INPUT, artifact: { ...ARTIFACT, ...changes } };
}
