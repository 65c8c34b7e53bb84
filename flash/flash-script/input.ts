// What a flash script is made from. Types only.
import type { ArtifactReference } from "../../builders/contract.ts";

/** The part of an artefact's reference that flashing needs. */
export type FlashableArtifact = Omit<ArtifactReference, "size" | "secretBearing">;

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
