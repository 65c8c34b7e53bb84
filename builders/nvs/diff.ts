// What differs between two images, by key. Touches nothing. Values are in the result; whoever prints it masks them.
import type { DecodedEntry, DecodedNvs } from "./decode.ts";

export interface NvsDifference {
  namespace: string;
  key: string;
  change: "added" | "removed" | "changed";
  before?: DecodedEntry;
  after?: DecodedEntry;
}

/** Keys that only one image has, or whose type or value differs; sorted by namespace and key. Places do not count. */
export function diffNvs(
  before: Pick<DecodedNvs, "entries">,
  after: Pick<DecodedNvs, "entries">,
): NvsDifference[] {
  const old = byName(before.entries);
  const fresh = byName(after.entries);
  const differences: NvsDifference[] = [];
  for (const id of new Set([...old.keys(), ...fresh.keys()])) {
    const was = old.get(id);
    const is = fresh.get(id);
    const { namespace, key } = (was ?? is)!;
    if (!was) differences.push({ namespace, key, change: "added", after: is! });
    else if (!is) differences.push({ namespace, key, change: "removed", before: was });
    else if (!sameValue(was, is))
      differences.push({ namespace, key, change: "changed", before: was, after: is });
  }
  return differences.sort((a, b) => compare(a.namespace, b.namespace) || compare(a.key, b.key));
}

function byName(entries: readonly DecodedEntry[]): Map<string, DecodedEntry> {
  return new Map(entries.map((entry) => [`${entry.namespace}\0${entry.key}`, entry]));
}

/** Whether firmware would read the same. */
export function sameValue(
  a: Pick<DecodedEntry, "type" | "value">,
  b: Pick<DecodedEntry, "type" | "value">,
): boolean {
  if (a.type !== b.type) return false;
  if (a.value instanceof Uint8Array && b.value instanceof Uint8Array)
    return Buffer.compare(a.value, b.value) === 0;
  // 3 and 3n are one value of a u64
  return typeof a.value === typeof b.value ? a.value === b.value : String(a.value) === String(b.value);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
