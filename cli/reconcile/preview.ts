// What a preview found, for the status of each DevicesCluster that it is about. Pure; touches nothing.
import { objectPlace } from "../../model/load-objects.ts";
import type { StatusPreview } from "./conditions.ts";
import type { ObservedObject } from "./observed-objects.ts";
import type { Outcome, ResourceOutcome } from "./outcome.ts";

/** Lines that the status holds; whoever wants all runs `pulumi preview`. */
const MOST_LINES = 200;
const LONGEST_LINE = 300;
const UNCHANGED = new Set(["same", "read"]);

/** Previews by place of the DevicesCluster; empty where nothing would change. */
export function previewOf(
  objects: readonly ObservedObject[],
  outcome: Outcome,
  id: string,
): Map<string, StatusPreview> {
  const clusters = new Map(
    objects
      .filter(({ kind }) => kind === "DevicesCluster")
      .map((each) => [each.spec.namespace, objectPlace(each)]),
  );
  const lines = new Map<string, string[]>();
  for (const [place, resources] of outcome.resources) {
    const cluster = place.startsWith("DevicesCluster ") ? place : clusters.get(namespaceIn(place));
    const changes = resources.filter(({ op }) => !UNCHANGED.has(op)).map((each) => lineOf(place, each));
    if (changes.length === 0) continue;
    // What belongs to a cluster that is gone is everybody's to approve.
    for (const to of cluster === undefined ? clusters.values() : [cluster]) {
      lines.set(to, [...(lines.get(to) ?? []), ...changes]);
    }
  }
  return new Map(
    [...lines].map(([cluster, all]) => [cluster, { id, summary: summaryOf(all), changes: shortened(all) }]),
  );
}

/** Whether an object's own resources would change. */
export function wouldChange(outcome: Outcome, place: string): boolean {
  return outcome.resources.get(place)?.some(({ op }) => !UNCHANGED.has(op)) === true;
}

function namespaceIn(place: string): string {
  return place.slice(place.indexOf(" ") + 1).split("/")[0] ?? "";
}

function lineOf(place: string, { type, op, changed }: ResourceOutcome): string {
  const [kind] = place.split(" ");
  const what = type === kind ? place : `${place} (${type.split(":").at(-1)})`;
  const line = changed.length === 0 ? `${op} ${what}` : `${op} ${what}: ${changed.join(", ")}`;
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE - 1)}…` : line;
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
  const sorted = lines.toSorted();
  if (sorted.length <= MOST_LINES) return sorted;
  return [...sorted.slice(0, MOST_LINES), `… and ${sorted.length - MOST_LINES} more`];
}
