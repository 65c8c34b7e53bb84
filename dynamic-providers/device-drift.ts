// Tells whether somebody else changed a device's Secret since we wrote it, and names key and writer. Pure.
import type { KubernetesObject } from "../kubernetes/api.ts";
import { stableDigest } from "./stable-digest.ts";

/**
 * Digest of what we own in the Secret: our keys, labels and annotations. Others may add their own.
 * The data includes the device's random password, so the digest tells nothing about weaker secrets in it.
 */
export function ownedDigest(live: KubernetesObject, keys: OwnedKeys): string {
  const pick = (from: unknown, names: string[]) => {
    const source = (from ?? {}) as Record<string, string>;
    return names.map((name) => [name, source[name] ?? null]);
  };
  return stableDigest([
    pick(live.data, keys.data),
    pick(live.metadata.labels, keys.labels),
    pick(live.metadata.annotations, keys.annotations),
  ]);
}

export interface OwnedKeys {
  data: string[];
  labels: string[];
  annotations: string[];
}

interface ManagedFields {
  manager: string;
  fieldsV1?: { "f:data"?: Record<string, unknown> };
}

/** One line: which keys were taken over and by whom, as the API server recorded it; never a value. */
export function describeDrift(live: KubernetesObject, keys: OwnedKeys, ours: string): string {
  const others = ((live.metadata.managedFields ?? []) as ManagedFields[]).filter(
    (entry) => entry.manager !== ours,
  );
  const taken = others.flatMap((entry) =>
    Object.keys(entry.fieldsV1?.["f:data"] ?? {})
      .map((field) => field.replace(/^f:/, ""))
      .filter((key) => keys.data.includes(key))
      .map((key) => `${key} by ${entry.manager}`),
  );
  const data = (live.data ?? {}) as Record<string, string>;
  const gone = keys.data.filter((key) => !(key in data)).map((key) => `${key} removed`);
  return [...taken, ...gone].sort().join(", ") || "labels or annotations changed";
}
