// What a preview found: for the status of each DevicesCluster that it is about, and for its approval. Pure; touches
// nothing.
import { objectPlace } from "../../model/load-objects.ts";
import type { StatusPreview } from "./conditions.ts";
import type { ObservedObject } from "./observed-objects.ts";
import type { Outcome, ResourceOutcome } from "./outcome.ts";

/** Lines that the status holds; whoever wants all runs `pulumi preview`. */
const MOST_LINES = 200;
const LONGEST_LINE = 300;
const UNCHANGED = new Set(["same", "read"]);

/** What an update would do. */
export interface Plan {
  /** A line for each change, by the place of the DevicesCluster whose people approve it; empty where nothing changes. */
  lines: ReadonlyMap<string, string[]>;
  /** Each change with the content of what it would write: two plans that have the same do the same. */
  changes: ReadonlySet<string>;
}

export function planOf(objects: readonly ObservedObject[], outcome: Outcome): Plan {
  const clusters = new Map(
    objects
      .filter(({ kind }) => kind === "DevicesCluster")
      .map((each) => [each.spec.namespace, objectPlace(each)]),
  );
  const alive = new Set(clusters.values());
  const lines = new Map<string, string[]>();
  const changes = new Set<string>();
  const add = (cluster: string | undefined, line: string, inputs = "") => {
    changes.add(JSON.stringify([line, inputs]));
    // What belongs to a cluster that is gone, or to the stack as a whole, is everybody's to approve.
    for (const to of cluster !== undefined && alive.has(cluster) ? [cluster] : alive) {
      lines.set(to, [...(lines.get(to) ?? []), line]);
    }
  };
  for (const [place, resources] of outcome.resources) {
    const cluster = place.startsWith("DevicesCluster ") ? place : clusters.get(namespaceIn(place));
    for (const each of resources.filter(isChange))
      add(cluster, lineOf(nameIn(place, each), each), each.inputs);
  }
  for (const each of outcome.stackwide.filter(isChange)) {
    add(undefined, lineOf(`${each.type} ${each.name}`, each), each.inputs);
  }
  // Components alone, to which nothing belongs: whatever pulumi would do is told.
  if (changes.size === 0) {
    for (const [op, count] of Object.entries(outcome.changes)) {
      if (!UNCHANGED.has(op)) add(undefined, `${op} ${count} of the stack`);
    }
  }
  return { lines, changes };
}

/** @param advice what policies say that forbid nothing */
export function previewOf(
  lines: readonly string[],
  id: string,
  advice: readonly string[] = [],
): StatusPreview {
  return { id, summary: summaryOf(lines), changes: shortened([...advice.map(cut), ...lines.toSorted()]) };
}

/** Whether an object's own resources would change. */
export function wouldChange(outcome: Outcome, place: string): boolean {
  return outcome.resources.get(place)?.some(isChange) === true;
}

function isChange({ op }: ResourceOutcome): boolean {
  return !UNCHANGED.has(op);
}

function namespaceIn(place: string): string {
  return place.slice(place.indexOf(" ") + 1).split("/")[0] ?? "";
}

function nameIn(place: string, { type }: ResourceOutcome): string {
  const [kind] = place.split(" ");
  return type === kind ? place : `${place} (${type.split(":").at(-1)})`;
}

function lineOf(what: string, { op, changed }: ResourceOutcome): string {
  return cut(changed.length === 0 ? `${op} ${what}` : `${op} ${what}: ${changed.join(", ")}`);
}

function cut(line: string): string {
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE - 1)}…`.toWellFormed() : line;
}

function summaryOf(lines: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const op = line.slice(0, line.indexOf(" "));
    counts.set(op, (counts.get(op) ?? 0) + 1);
  }
  return [...counts].map(([op, count]) => `${count} to ${op}`).join(", ");
}

function shortened(lines: readonly string[]): string[] {
  if (lines.length <= MOST_LINES) return [...lines];
  return [...lines.slice(0, MOST_LINES), `… and ${lines.length - MOST_LINES} more`];
}
