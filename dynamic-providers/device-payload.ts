// What a device's provider needs beyond names: every value of the device, secret ones included, as one
// secret string, so that the state holds one envelope a device. Touches nothing.
import type { AuthoritySeed, CertificatePlan } from "../model/mqtt-certificates.ts";
import type { NvsType } from "../model/nvs-type.ts";

/** One entry of the configuration image, its value as text (`parseNvsValue` reads it by its type). */
export interface PayloadEntry {
  namespace: string;
  key: string;
  type: NvsType;
  value: string;
  /** Where the class names a builder of its own: it gets this value in a file. */
  secret?: true;
}

export interface DevicePayload {
  /** Size of the configuration partition in bytes. */
  size: number;
  /** Default: an NVS image. */
  format?: "file";
  entries: PayloadEntry[];
  /** Keys of the device's Secret besides the image: MQTT credentials and mapped settings. */
  data: Record<string, string>;
  /** Where it proves by certificate who it is: what is to be made, in the place of what the entries say. Secret. */
  certificate?: CertificatePlan & { authority: AuthoritySeed };
  encryption?: {
    scheme: "hmac" | "flash";
    /** Key material in base64: 64 bytes (ekey, tkey) for `flash`, the 32-byte HMAC key for `hmac`. */
    key: string;
  };
}

export function encodePayload(payload: DevicePayload): string {
  return JSON.stringify(payload);
}

export function decodePayload(text: string): DevicePayload {
  return JSON.parse(text) as DevicePayload;
}
