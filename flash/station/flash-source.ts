// Where a station has firmware, devices and configurations from: a cluster, or an exported bundle. Types only.
import type { FirmwareArtifact } from "../../builders/contract.ts";
import type { ClassPlace, FlashFacts } from "../board-lease.ts";
import type { BoardRecord } from "../board-record.ts";

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
  /** The device that this board is now, of whatever class. Asked for each board, since others flash too. */
  deviceOf(mac: string): Promise<(BoardRecord & { class?: string | undefined }) | undefined>;
  /** Takes a device for a board, and tells what it holds. @throws BoardConflict when another has it */
  claim(device: string, mac: string): Promise<BoardRecord>;
  /** From here on the board does not hold what it held. @throws BoardConflict when another has the device now */
  startWriting(device: string, mac: string): Promise<void>;
  /** What the board holds now. @throws BoardConflict when another has the device now */
  record(device: string, mac: string, facts: FlashFacts): Promise<void>;
}
