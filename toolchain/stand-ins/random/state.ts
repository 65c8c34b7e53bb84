// What the official plugin keeps in a resource's state besides the outputs, and what it compares to
// decide on a replacement. Pure. Sources: pulumi-terraform-bridge (rawstate, plugin framework) and the
// plan modifiers of terraform-provider-random.
import { equal, isObject, isUnknown, type Properties, secret, type Value } from "../property-values.ts";
import type { Kind } from "./resource-kinds.ts";

/** Keys of the state that are no property of the resource. */
const RESERVED = new Set(["__meta", "__pulumi_raw_state_delta", "__defaults"]);

/** Outputs as they go to the engine: secrets wrapped, schema version and the bridge's delta added. */
export function stateOf(kind: Kind, outputs: Properties): Properties {
  const state: Properties = {};
  for (const [name, value] of Object.entries(outputs)) {
    if (value === null || RESERVED.has(name)) continue;
    state[name] = kind.secretOutputs.includes(name) ? secret(value) : value;
  }
  if (kind.schemaVersion) state.__meta = JSON.stringify({ schema_version: String(kind.schemaVersion) });
  state.__pulumi_raw_state_delta = rawStateDelta(kind, outputs);
  return state;
}

/** How the bridge finds its way back from the outputs to Terraform's state: maps named, what is unset as null. */
function rawStateDelta(kind: Kind, outputs: Properties): Value {
  const deltas: Properties = {};
  for (const [name, type] of Object.entries(kind.inputs)) {
    const value = outputs[name];
    if (value === undefined || value === null) deltas[name] = secret({ replace: { raw: null } });
    else if (type === "map") deltas[name] = { map: {} };
  }
  return { obj: Object.keys(deltas).length > 0 ? { ps: deltas } : {} };
}

export interface Difference {
  /** Path as in Pulumi's detailed diffs: `length`, `keepers.version`. */
  path: string;
  property: string;
  change: "add" | "delete" | "update";
  replaces: boolean;
}

/** What differs between the state and the inputs, which have their defaults filled in. */
export function differences(kind: Kind, state: Properties, inputs: Properties): Difference[] {
  return Object.keys(kind.inputs).flatMap((property) => {
    const before = state[property] ?? undefined;
    const after = inputs[property] ?? undefined;
    if (equal(before, after)) return [];
    const replaces = !harmless(property, before, after);
    if (isObject(before) && isObject(after)) {
      const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
      return keys
        .filter((key) => !equal(before[key], after[key]))
        .map((key) => ({
          path: pathOf(property, key),
          property,
          change: changeOf(before[key], after[key]),
          replaces,
        }));
    }
    return [{ path: property, property, change: changeOf(before, after), replaces }];
  });
}

/** Changes that upstream lets pass as an update, since older versions stored nothing for them. */
function harmless(property: string, before: Value | undefined, after: Value | undefined): boolean {
  if (isUnknown(after)) return false;
  if (property === "overrideSpecial") return before === "" && after === undefined;
  if (property !== "keepers") return false;
  return before === undefined && isObject(after) && Object.values(after).every((value) => value === null);
}

function changeOf(before: Value | undefined, after: Value | undefined): Difference["change"] {
  if (before === undefined) return "add";
  return after === undefined ? "delete" : "update";
}

function pathOf(property: string, key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${property}.${key}` : `${property}[${JSON.stringify(key)}]`;
}
