// One reconciliation: checks what the objects declare, and previews or updates the stack. Starts pulumi.
import { createHash } from "node:crypto";
import { LOAD_OPTIONS } from "../../builders/builders.ts";
import { loadObjects, meantObjects, objectPlace } from "../../model/load-objects.ts";
import { ProblemsError } from "../../model/problem.ts";
import type { StackRun } from "../../toolchain/quiet-pulumi.ts";
import type { StatusPreview } from "./conditions.ts";
import type { ReconcilerMetrics } from "./metrics.ts";
import { APPROVE_ANNOTATION, type ObservedObject } from "./observed-objects.ts";
import { problemsSaid } from "./outcome.ts";
import { previewOf } from "./preview.ts";
import { previewStack, type RanPulumi, updateStack } from "./run-pulumi.ts";
import { refusedVerdicts, updateVerdicts, type Verdicts, waitingVerdicts } from "./verdicts.ts";

export interface ReconcileOptions extends StackRun {
  objects: readonly ObservedObject[];
  clusters: readonly string[] | undefined;
  dryRun: boolean;
  signal: AbortSignal;
  metrics: ReconcilerMetrics;
  say(line: string): void;
}

export interface Judgement {
  /** `done`: nothing to do until something changes. `locked`: another update is under way. */
  ended: "done" | "failed" | "locked";
  /** One sentence. */
  summary: string;
  /** What the verdicts are about. */
  objects: readonly ObservedObject[];
  verdicts: Verdicts;
  /** By place of the DevicesCluster. */
  previews?: ReadonlyMap<string, StatusPreview>;
}

export async function reconcile(options: ReconcileOptions): Promise<Judgement> {
  const objects = meantObjects(options.objects, options.clusters);
  const nothing = { objects, verdicts: new Map() };
  if (objects.length === 0) {
    // Removing everything because nothing is there is no update that anybody asked for.
    return { ended: "done", summary: "There is no object of the four kinds.", ...nothing };
  }
  const problems = problemsOf(objects, options.clusters);
  if (problems.length > 0) {
    const summary = `${problems.length === 1 ? "1 problem" : `${problems.length} problems`}; nothing is updated.`;
    options.say(summary);
    return { ended: "done", summary, objects, verdicts: refusedVerdicts(objects, problems) };
  }
  const id = planId(objects);
  const run = { ...options, objects };
  if (options.dryRun && !isApproved(objects, id)) return preview(run, id);
  return judge(objects, await measured("update", updateStack, run));
}

async function measured(
  operation: "update" | "preview",
  work: (run: ReconcileOptions) => Promise<RanPulumi>,
  run: ReconcileOptions,
): Promise<RanPulumi> {
  run.say(`${operation}: ${run.objects.length} objects`);
  const began = Date.now();
  const ran = await work(run);
  const seconds = (Date.now() - began) / 1000;
  const { changes } = ran.outcome;
  run.metrics.ran(operation, ran.ended, seconds, changes);
  for (const happened of ran.happened) run.metrics.happened(happened);
  const counts = Object.entries(changes).map(([op, count]) => `${count} ${op}`);
  run.say(
    `${operation} ended ${ran.ended} after ${seconds.toFixed(1)} s: ${counts.join(", ") || "no changes"}`,
  );
  return ran;
}

function problemsOf(objects: readonly ObservedObject[], clusters: readonly string[] | undefined) {
  try {
    loadObjects(objects, { ...LOAD_OPTIONS, clusters });
    return [];
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems;
    throw error;
  }
}

async function preview(options: ReconcileOptions, id: string): Promise<Judgement> {
  const { objects, say } = options;
  const ran = await measured("preview", previewStack, options);
  if (ran.ended !== "well") return judge(objects, ran);
  const previews = previewOf(objects, ran.outcome, id);
  if (previews.size === 0) return judge(objects, ran);
  const summary = `Waits for approval of ${id}.`;
  say(summary);
  return { ended: "done", summary, objects, previews, verdicts: waitingVerdicts(objects, ran.outcome, id) };
}

function judge(objects: readonly ObservedObject[], { ended, outcome, reason }: RanPulumi): Judgement {
  const summary = reason ?? "";
  if (ended === "locked" || ended === "stopped") {
    return { ended: "locked", summary, objects, verdicts: new Map() };
  }
  const places = new Set(objects.map(objectPlace));
  const problems = ended === "failed" ? problemsSaid(outcome.errors, (place) => places.has(place)) : [];
  if (problems.length > 0) {
    return { ended: "failed", summary, objects, verdicts: refusedVerdicts(objects, problems) };
  }
  const verdicts = updateVerdicts(objects, outcome, reason);
  return { ended: ended === "well" ? "done" : "failed", summary, objects, verdicts };
}

/** Changes with everything that an update is about; annotations are none of it. */
export function planId(objects: readonly ObservedObject[]): string {
  const hash = createHash("sha256");
  for (const object of objects.toSorted((a, b) => (objectPlace(a) < objectPlace(b) ? -1 : 1))) {
    const { uid, generation, labels = {} } = object.metadata;
    const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
    hash.update(JSON.stringify([objectPlace(object), uid, generation, sorted]));
  }
  return hash.digest("hex").slice(0, 12);
}

/** On every DevicesCluster that has something to approve: one person may be responsible for one only. */
function isApproved(objects: readonly ObservedObject[], id: string): boolean {
  const asked = objects.filter(({ kind, status }) => kind === "DevicesCluster" && status?.preview?.id === id);
  return asked.length > 0 && asked.every(({ metadata }) => metadata.annotations?.[APPROVE_ANNOTATION] === id);
}
