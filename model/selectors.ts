// Which devices a group selects: Kubernetes label selectors, and an index of groups by label, so that finding a
// device's groups takes time by its labels and not by the number of groups. Pure; touches nothing.
import type { Selector } from "./schema.ts";

export type Labels = Readonly<Record<string, string>>;

/** Whether a selector picks an object with these labels. An empty selector picks everything. */
export function matches(selector: Selector, labels: Labels): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (labelOf(labels, key) !== value) return false;
  }
  return (selector.matchExpressions ?? []).every(({ key, operator, values }) => {
    const value = labelOf(labels, key);
    switch (operator) {
      case "In":
        return value !== undefined && (values ?? []).includes(value);
      case "NotIn":
        return value === undefined || !(values ?? []).includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
      default:
        return operator satisfies never;
    }
  });
}

function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

export interface GroupIndex<G> {
  /** The groups that select a device with these labels, in the order they were given in. */
  for(labels: Labels): G[];
}

/** Indexes groups by the rarest of the labels that each requires; the few that require none are always tried. */
export function indexGroups<G>(groups: readonly G[], selectorOf: (group: G) => Selector): GroupIndex<G> {
  const required = groups.map((group) => requirements(selectorOf(group)));
  const demand = new Map<string, number>();
  for (const alternatives of required.flat()) {
    for (const label of alternatives) demand.set(label, (demand.get(label) ?? 0) + 1);
  }
  const byLabel = new Map<string, number[]>();
  const always: number[] = [];
  for (const [index, requirement] of required.entries()) {
    const rarest = leastDemanded(requirement, demand);
    if (rarest === undefined) always.push(index);
    for (const label of rarest ?? []) byLabel.set(label, [...(byLabel.get(label) ?? []), index]);
  }
  return {
    for(labels) {
      const candidates = [...always];
      for (const [key, value] of Object.entries(labels)) {
        candidates.push(...(byLabel.get(pair(key, value)) ?? []), ...(byLabel.get(key) ?? []));
      }
      return [...new Set(candidates)]
        .sort((a, b) => a - b)
        .map((index) => groups[index]!)
        .filter((group) => matches(selectorOf(group), labels));
    },
  };
}

/** What a device must have to be selected: for each condition, the labels (`key=value` or `key`) of which one will do. */
function requirements(selector: Selector): string[][] {
  const found = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => [pair(key, value)]);
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    if (operator === "In") found.push([...new Set(values ?? [])].map((value) => pair(key, value)));
    if (operator === "Exists") found.push([key]);
  }
  return found;
}

function leastDemanded(requirement: string[][], demand: Map<string, number>): string[] | undefined {
  let best: string[] | undefined;
  let bestDemand = Number.POSITIVE_INFINITY;
  for (const alternatives of requirement) {
    const sum = alternatives.reduce((total, label) => total + (demand.get(label) ?? 0), 0);
    if (sum < bestDemand) [best, bestDemand] = [alternatives, sum];
  }
  return best;
}

/** "=" occurs in no label key, so a pair is never taken for a key. */
function pair(key: string, value: string): string {
  return `${key}=${value}`;
}
