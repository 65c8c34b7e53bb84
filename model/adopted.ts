// Values that were there before this stack's root key: adopted, they take the place of derived ones. They are kept in
// Secrets of the fleet's namespace under ADOPTED_LABEL; this page names their keys. Pure; touches nothing.
import type { Kind } from "./names.ts";

/** Label of the Secrets that hold adopted values. */
export const ADOPTED_LABEL = "edgeflock.io/adopted";

/** Adopted values by key, as text. */
export type Adopted = Readonly<Record<string, string>>;

export interface Credential {
  username: string;
  password: string;
}

/** @param device its oldest name */
export function adoptedCredentialKey(device: string, generation: number): string {
  return `mqtt.${device}.${generation}`;
}

export function isAdoptedCredential(key: string): boolean {
  return key.startsWith("mqtt.");
}

/** @param device its oldest name */
export function adoptedNvsKey(device: string, scheme: string): string {
  return `nvs-keys.${device}.${scheme}`;
}

/** @param name the oldest name of the cluster, class, group or device */
export function adoptedRandomKey(kind: Kind, name: string, key: string): string {
  return `random.${kind}.${name}.${key}`;
}

export function encodeCredential({ username, password }: Credential): string {
  return JSON.stringify({ username, password });
}

/** The adopted credential of a device, where there is one. */
export function adoptedCredential(
  adopted: Adopted,
  device: string,
  generation: number,
): Credential | undefined {
  const text = adopted[adoptedCredentialKey(device, generation)];
  return text === undefined ? undefined : (JSON.parse(text) as Credential);
}
