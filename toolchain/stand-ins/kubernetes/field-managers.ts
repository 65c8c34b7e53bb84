// Who owns which field of an object under server-side apply, and handing fields over. Pure.
// Format: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management

import type { Step } from "../object-diff.ts";
import { isObject, type Properties, type Value } from "../property-values.ts";
import { field } from "./api-object.ts";

interface ManagedFields {
  manager: string;
  operation: "Apply" | "Update";
  apiVersion: string;
  time?: string;
  fieldsType: "FieldsV1";
  fieldsV1: Properties;
  subresource?: string;
}

/** Created with; the first update hands its fields to the resource's own manager. As the official plugin does. */
export const CREATING_MANAGER = "pulumi-kubernetes";

/** Managers whose fields a resource's own manager takes over: our creates, and what kubectl applied. */
const TAKEN_OVER = [
  { manager: "kubectl", operation: "Apply" },
  { manager: "kubectl", operation: "Update" },
  { manager: "before-first-apply", operation: "Update" },
  { manager: CREATING_MANAGER, operation: "Update" },
  { manager: "pulumi-kubernetes.exe", operation: "Update" },
  { manager: "pulumi-resource-kubernetes", operation: "Update" },
];

function managedFields(live: Properties): ManagedFields[] {
  const entries = field(live, "metadata", "managedFields");
  return Array.isArray(entries) ? (entries as unknown as ManagedFields[]) : [];
}

export function isTakenOver(entry: ManagedFields): boolean {
  return (
    !entry.subresource &&
    TAKEN_OVER.some(({ manager, operation }) => manager === entry.manager && operation === entry.operation)
  );
}

/** Whether somebody applied this object before server-side apply recorded owners, or we created it. */
export function hasCreatingManager(live: Properties): boolean {
  return managedFields(live).some(
    (e) => e.operation === "Update" && e.manager.startsWith("pulumi-") && isTakenOver(e),
  );
}

export function hasManagers(live: Properties): boolean {
  return managedFields(live).length > 0;
}

/** The `managedFields` after `manager` took over, or undefined where there is nothing to take. */
export function takeOver(live: Properties, manager: string): Value[] | undefined {
  const entries = managedFields(live);
  const taken = entries.filter(isTakenOver);
  if (taken.length === 0) return undefined;
  const own = entries.find((e) => e.manager === manager && e.operation === "Apply" && !e.subresource);
  const fields = [own, ...taken].reduce<Properties>((all, entry) => merged(all, entry?.fieldsV1 ?? {}), {});
  const result: ManagedFields = { ...(own ?? taken[0]!), manager, operation: "Apply", fieldsV1: fields };
  const others = entries.filter((entry) => entry !== own && !isTakenOver(entry));
  return [result, ...others] as unknown as Value[];
}

function merged(a: Properties, b: Properties): Properties {
  const result: Properties = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const before = result[key];
    result[key] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return result;
}

/**
 * Makes the inputs leave ignored fields as they are: one that only others own is left out, any other is set
 * to its live value. Paths into lists are left to the engine, which has put the old value in the inputs.
 */
export function leaveIgnored(inputs: Properties, live: Properties, manager: string, ignored: Step[][]): void {
  for (const path of ignored) {
    if (path.length === 0 || !path.every((step) => typeof step === "string" && step !== "*")) continue;
    const keys = path as string[];
    const value = field(live, ...keys);
    if (value === undefined) continue;
    const owners = managedFields(live).filter(({ fieldsV1 }) =>
      field(fieldsV1, ...keys.map((key) => `f:${key}`)),
    );
    const onlyOthers = owners.length > 0 && owners.every((owner) => owner.manager !== manager);
    setField(inputs, keys, onlyOthers ? undefined : value);
  }
}

function setField(object: Properties, keys: string[], value: Value | undefined): void {
  const last = keys.at(-1)!;
  let parent = object;
  for (const key of keys.slice(0, -1)) {
    if (!isObject(parent[key])) {
      if (value === undefined) return;
      parent[key] = {};
    }
    parent = parent[key] as Properties;
  }
  if (value === undefined) delete parent[last];
  else parent[last] = value;
}
