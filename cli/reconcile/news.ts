// The Events that the reconciler itself tells: what was refused, what failed as a whole, what waits for a person. What
// an update does to a device or class is told by the update. Pure; touches nothing.
import type { Occurrence, Regarding } from "../../kubernetes/events.ts";
import { objectPlace } from "../../model/load-objects.ts";
import { API_VERSION } from "../../model/names.ts";
import type { Wish } from "./conditions.ts";
import type { ObservedObject } from "./observed-objects.ts";
import type { Verdicts } from "./verdicts.ts";

/** More would tell nobody more; the conditions say it of each. */
const MOST = 100;

export function newsOf(
  objects: readonly ObservedObject[],
  verdicts: Verdicts,
): { regarding: Regarding; occurrence: Occurrence }[] {
  return objects
    .flatMap((object) => {
      const occurrence = occurrenceOf(object, verdicts.get(objectPlace(object)) ?? []);
      return occurrence ? [{ regarding: regardingOf(object), occurrence }] : [];
    })
    .slice(0, MOST);
}

function occurrenceOf({ kind }: ObservedObject, wishes: readonly Wish[]): Occurrence | undefined {
  const of = (type: string) => wishes.find((wish) => wish.type === type);
  const validated = of("Validated");
  if (validated?.status === "False") {
    return { type: "Warning", reason: "Refused", action: "Validate", note: validated.message };
  }
  const ready = of("Ready");
  if (ready?.reason === "PolicyViolated") {
    return { type: "Warning", reason: ready.reason, action: "Preview", note: ready.message };
  }
  if (!ready || kind === "Device" || kind === "DeviceClass") return undefined;
  if (ready.reason === "Failed" || ready.reason === "UpdateFailed") {
    return { type: "Warning", reason: ready.reason, action: "Update", note: ready.message };
  }
  if (ready.reason === "AwaitingApproval" && kind === "DevicesCluster") {
    return { type: "Normal", reason: ready.reason, action: "Preview", note: ready.message };
  }
  return undefined;
}

function regardingOf({ kind, metadata }: ObservedObject): Regarding {
  const { name, namespace, uid } = metadata;
  return { apiVersion: API_VERSION, kind, name, uid, ...(namespace !== undefined && { namespace }) };
}
