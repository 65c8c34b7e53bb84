// Objects in a namespace that no DevicesCluster names: somebody else's, who must not stop the fleets. Pure; touches
// nothing.
import { objectPlace } from "../../model/load-objects.ts";
import { quote } from "../../model/problem.ts";
import type { ObservedObject } from "./observed-objects.ts";
import { refusedVerdicts, type Verdicts } from "./verdicts.ts";

export interface Sorted {
  /** What an update is about. */
  objects: ObservedObject[];
  strays: ObservedObject[];
}

/**
 * A namespace that was a fleet's before is none of a stranger: without its objects, the fleet would be taken down because
 * its DevicesCluster is gone.
 */
export function withoutStrays(all: readonly ObservedObject[]): Sorted {
  const clusters = all.filter(({ kind }) => kind === "DevicesCluster");
  const fleets = new Set<unknown>([
    ...clusters.map(({ spec }) => spec.namespace),
    ...all.filter(wasKept).map(({ metadata }) => metadata.namespace),
  ]);
  const belongs = ({ kind, metadata }: ObservedObject) =>
    kind === "DevicesCluster" || fleets.has(metadata.namespace);
  // Where there is no fleet at all, that is what is wrong.
  if (clusters.length === 0) return { objects: [...all], strays: [] };
  return { objects: all.filter(belongs), strays: all.filter((object) => !belongs(object)) };
}

/** Whether an update was about it once. That it is valid is said of what waits for others too. */
function wasKept({ status }: ObservedObject): boolean {
  const conditions = status?.conditions ?? [];
  return conditions.some(({ type, status }) => (type === "Ready" ? status === "True" : type !== "Validated"));
}

export function strayVerdicts(strays: readonly ObservedObject[]): Verdicts {
  return refusedVerdicts(
    strays,
    strays.map((stray) => ({
      file: objectPlace(stray),
      path: "metadata.namespace",
      message: `belongs to no DevicesCluster: none has the namespace ${quote(stray.metadata.namespace ?? "")}`,
    })),
  );
}
