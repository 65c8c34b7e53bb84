// Whether people have approved what an update would do. Pure; touches nothing.
import { createHash } from "node:crypto";
import { objectPlace } from "../../model/load-objects.ts";
import { APPROVE_ANNOTATION, type ObservedObject } from "./observed-objects.ts";
import type { Plan } from "./preview.ts";

/**
 * Changes with everything that the update would do, and with each approval that was used up: none holds for a second
 * update, though it does the same.
 */
export function planId(objects: readonly ObservedObject[], plan: Plan): string {
  const hash = createHash("sha256");
  for (const object of objects.toSorted((a, b) => (objectPlace(a) < objectPlace(b) ? -1 : 1))) {
    const { uid, generation, labels = {} } = object.metadata;
    const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const used = object.status?.approved ?? "";
    hash.update(JSON.stringify([objectPlace(object), uid, generation, sorted, used]));
  }
  hash.update(JSON.stringify([...plan.changes].sort()));
  return hash.digest("hex").slice(0, 12);
}

/** On every DevicesCluster that has something to approve: one person may be responsible for one only. */
export function isApproved(objects: readonly ObservedObject[], plan: Plan, id: string): boolean {
  const asked = objects.filter((object) => plan.lines.has(objectPlace(object)));
  return asked.length > 0 && asked.every((object) => approvalOn(object) === id);
}

/** What a person has set. */
export function approvalOn({ metadata }: ObservedObject): string | undefined {
  return metadata.annotations?.[APPROVE_ANNOTATION];
}

/** Whether all that is left to do was approved: an approved update that failed half-way is tried again. */
export function isRestOf(plan: Plan, approved: Plan | undefined): boolean {
  return approved !== undefined && [...plan.changes].every((change) => approved.changes.has(change));
}
