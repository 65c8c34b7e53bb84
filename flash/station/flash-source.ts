// Where a station has firmware, devices and configurations from: a cluster, or an exported bundle. Types only.
import type { FirmwareArtifact } from "../../builders/contract.ts";
import type { BoardRecord, ClassPlace, FlashFacts } from "../board-lease.ts";

/** A device's configuration image, checked. */
export interface DeviceConfig {
  device: string;
  image: Uint8Array;
  /** `sha256:` and hexadecimal digits. */
  digest: string;
  /** Of the MQTT credential in the image; undefined where it was not noted. */
  generation?: number;
  /** Goes to the partition nvs_keys, where the image is encrypted. */
  keys?: Uint8Array;
}

export interface FlashSource {
  readonly place: ClassPlace;
  readonly artifact: FirmwareArtifact;
  /** Who flashes, for the records. */
  readonly who: string;
  /** Id of the bundle, where it is one. */
  readonly bundle?: string;
  /** The firmware's files by their paths in the artefact, checked. */
  firmware(): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Names of the class's devices, in order; read only as far as they are asked for. */
  devices(): AsyncIterable<string>;
  /** What is known of all boards of the class so far. */
  boards(): Promise<BoardRecord[]>;
  /** @throws VisibleError for a device that is unknown, of another class, or whose configuration is damaged */
  config(device: string): Promise<DeviceConfig>;
  /** Takes a device for a board. @throws BoardConflict when another has it */
  claim(device: string, mac: string): Promise<void>;
  record(device: string, mac: string, facts: FlashFacts): Promise<void>;
}
