// What differs between the object that a resource made and its new inputs, by path, and whether that
// replaces it. Pure.
import { equal, isObject, isSecret, isUnknown, type Properties, type Value } from "./property-values.ts";

export type Step = string | number;

export interface Difference {
  path: Step[];
  change: "add" | "delete" | "update";
  replaces: boolean;
  /** The field is gone from the inputs; Pulumi then shows the inputs' value, not the state's. */
  inputDiff: boolean;
}

/**
 * Compares field by field. A field is unchanged where the new inputs equal what the server made of the old
 * ones, or the old inputs themselves: servers rewrite what they are given (quantities, defaults).
 *
 * @param live - the live object as last seen, pruned to the shape of the old inputs
 */
export function differences(
  live: Properties,
  oldInputs: Properties,
  newInputs: Properties,
  replacingFields: string[],
): Difference[] {
  const found: Difference[] = [];
  const covers = replacingFields.map((path) => path.split("."));
  const note = (path: Step[], change: Difference["change"], value: Value | undefined) =>
    found.push({
      path,
      change,
      replaces: covers.some((cover) => touches(cover, path, value)),
      inputDiff: change === "delete",
    });

  const compare = (path: Step[], before: Value | undefined, input: Value | undefined, after: Value): void => {
    if (equal(after, before) || equal(after, input)) return;
    if (before === undefined) {
      if (!isNothing(after)) note(path, "add", after);
    } else if (isUnknown(after)) note(path, "update", after);
    else if (isPlain(before) && isPlain(after)) {
      for (const key of Object.keys(after)) {
        compare([...path, key], before[key], isPlain(input) ? input[key] : undefined, after[key]!);
      }
      for (const key of Object.keys(before)) {
        if (!(key in after)) note([...path, key], "delete", undefined);
      }
    } else if (Array.isArray(before) && Array.isArray(after)) {
      for (const [index, value] of after.entries()) {
        compare([...path, index], before[index], Array.isArray(input) ? input[index] : undefined, value);
      }
      for (let index = after.length; index < before.length; index++)
        note([...path, index], "delete", undefined);
    } else note(path, "update", after);
  };
  compare([], live, oldInputs, newInputs);
  return found;
}

/** A map that is walked; a secret is compared as a whole. */
function isPlain(value: Value | undefined): value is Properties {
  return isObject(value) && !isSecret(value);
}

/** The server drops these, so they are no change. */
function isNothing(value: Value): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

/** Whether a change at `path` to `value` reaches the field: at it, below it, or around it. */
function touches(field: string[], path: Step[], value: Value | undefined): boolean {
  for (const [at, step] of path.entries()) {
    const wanted = field[at];
    if (wanted === undefined) return true;
    if (wanted !== "*" && wanted !== step) return false;
    if (wanted === "*" && typeof step !== "number") return false;
  }
  return holds(value, field.slice(path.length));
}

function holds(value: Value | undefined, rest: string[]): boolean {
  const [first, ...further] = rest;
  if (first === undefined) return true;
  if (first === "*") return Array.isArray(value) && value.some((entry) => holds(entry, further));
  return isObject(value) && first in value && holds(value[first], further);
}

/** `spec.ports[0].name`, with quotes around keys that hold dots or brackets. */
export function pathText(path: Step[]): string {
  return path.reduce<string>((whole, step) => {
    if (typeof step === "number") return `${whole}[${step}]`;
    if (/[."[\]]/.test(step)) return `${whole}["${step.replaceAll('"', '\\"')}"]`;
    return whole === "" ? step : `${whole}.${step}`;
  }, "");
}

/** Reads a path as users write it for `ignoreChanges`. `*` matches any key or index. */
export function parsePath(text: string): Step[] {
  return [...text.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, key]) =>
      quoted !== undefined
        ? quoted.replaceAll('\\"', '"')
        : index !== undefined && index !== "*"
          ? Number(index)
          : (key ?? "*"),
  );
}

/** Whether `path` is at or below `ancestor`. */
export function contains(ancestor: Step[], path: Step[]): boolean {
  return ancestor.length <= path.length && ancestor.every((step, at) => step === "*" || step === path[at]);
}
