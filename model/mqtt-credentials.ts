// The MQTT credentials of devices and of the broker's other users. Pure; touches nothing.
import { type Adopted, adoptedCredential, type Credential } from "./adopted.ts";
import { deriveText } from "./derivation.ts";
import type { Place } from "./former-names.ts";
import { brokerUsername } from "./mqtt-access.ts";
import { mqttUsername } from "./names.ts";

/** 43 characters of 62: 256 bits. */
const PASSWORD_LENGTH = 43;

/** Who a device is, to whom its credential belongs. */
export interface DeviceIdentity {
  /** Its oldest name. */
  original: Place;
  /** Its present one. */
  namespace: string;
  /** From 1. */
  generation: number;
}

export function deviceUsername(device: DeviceIdentity, adopted: Adopted): string {
  const known = adoptedDeviceCredential(device, adopted);
  return known?.username ?? mqttUsername(device.original.name, device.generation);
}

/** An adopted credential, where there is one for this generation; else the derived one. */
export function deviceCredential(device: DeviceIdentity, rootKey: string, adopted: Adopted): Credential {
  const known = adoptedDeviceCredential(device, adopted);
  if (known) return known;
  const { original, generation } = device;
  const path = [original.namespace, original.name, String(generation)];
  return {
    username: mqttUsername(original.name, generation),
    password: deriveText(rootKey, "mqtt-password", path, PASSWORD_LENGTH),
  };
}

/**
 * For a broker that keeps a password of everybody, where a device is let in by its certificate: one that is handed out
 * to nobody. The one it had by password, or would have, may have been read by somebody.
 */
export function unusedPassword({ original, generation }: DeviceIdentity, rootKey: string): string {
  const path = [original.namespace, original.name, String(generation)];
  return deriveText(rootKey, "mqtt-unused-password", path, PASSWORD_LENGTH);
}

export function adoptedDeviceCredential(device: DeviceIdentity, adopted: Adopted): Credential | undefined {
  const { original, namespace, generation } = device;
  return original.namespace === namespace ? adoptedCredential(adopted, original.name, generation) : undefined;
}

/**
 * Of a reader or an application of the cluster in this namespace. The username stays from generation to generation: its
 * Secret gets the new password in the same update as the broker.
 */
export function userCredential(
  kind: "reader" | "application",
  { namespace, name }: Place,
  rootKey: string,
  generation = 1,
): Credential {
  const path = [namespace, kind, name, ...(generation > 1 ? [String(generation)] : [])];
  return {
    username: brokerUsername(kind, name),
    password: deriveText(rootKey, "mqtt-user-password", path, PASSWORD_LENGTH),
  };
}
