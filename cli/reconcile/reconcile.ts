// One reconciliation: checks what the objects declare, and previews or updates the stack. Starts pulumi.
import { LOAD_OPTIONS } from "../../builders/builders.ts";
import { loadObjects, meantObjects, objectPlace } from "../../model/load-objects.ts";
import { ProblemsError } from "../../model/problem.ts";
import type { StackRun } from "../../toolchain/quiet-pulumi.ts";
import { policyArguments } from "../update/policies.ts";
import { isApproved, isRestOf, planId } from "./approval.ts";
import type { StatusPreview } from "./conditions.ts";
import type { ReconcilerMetrics } from "./metrics.ts";
import type { ObservedObject } from "./observed-objects.ts";
import { problemsSaid } from "./outcome.ts";
import { type Plan, planOf, previewOf } from "./preview.ts";
import { type PulumiRun, previewStack, type RanPulumi, updateStack } from "./run-pulumi.ts";
import { strayVerdicts, withoutStrays } from "./strays.ts";
import {
  forbiddenVerdicts,
  refusedVerdicts,
  updateVerdicts,
  type Verdicts,
  waitingVerdicts,
} from "./verdicts.ts";

export interface ReconcileOptions extends StackRun {
  objects: readonly ObservedObject[];
  clusters: readonly string[] | undefined;
  dryRun: boolean;
  /** What people approved, where the update that did it failed. */
  approved?: Plan | undefined;
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
  /** What waits to be approved, by place of the DevicesCluster. Undefined where this was not found out: it stays. */
  previews?: ReadonlyMap<string, StatusPreview>;
  /** An approved update went well: its approval holds no longer. */
  usedApproval?: true;
  /** An approved update failed: whatever of this is left may be tried again. */
  approved?: Plan;
}

type Run = ReconcileOptions & PulumiRun;

export async function reconcile(options: ReconcileOptions): Promise<Judgement> {
  const { objects, strays } = withoutStrays(meantObjects(options.objects, options.clusters));
  const judgement = await ofFleets(options, objects);
  const verdicts = new Map([...judgement.verdicts, ...strayVerdicts(strays)]);
  return { ...judgement, objects: [...judgement.objects, ...strays], verdicts };
}

async function ofFleets(options: ReconcileOptions, objects: readonly ObservedObject[]): Promise<Judgement> {
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
  const policies = await policyArguments(options.projectFolder, options.stack);
  const run = { ...options, objects, policies };
  // Policies are asked by a preview of its own: an update would tell of them when part of it is done.
  return options.dryRun || policies.length > 0 ? previewed(run) : update(run);
}

async function update(run: Run): Promise<Judgement> {
  const judgement = judge(run.objects, await measured("update", updateStack, run));
  return judgement.ended === "done" ? { ...judgement, previews: new Map() } : judgement;
}

async function previewed(run: Run): Promise<Judgement> {
  const { objects, say } = run;
  const ran = await measured("preview", previewStack, run);
  if (ran.ended !== "well") return judge(objects, ran);
  const advice = ran.outcome.violations.map(({ policy, message }) => `policy ${policy}: ${message}`);
  for (const line of advice) say(line);
  const plan = planOf(objects, ran.outcome);
  if (plan.changes.size === 0) return { ...judge(objects, ran), previews: new Map() };
  if (!run.dryRun) return update(run);
  const id = planId(objects, plan);
  if (isApproved(objects, plan, id) || isRestOf(plan, run.approved)) {
    const judgement = await update(run);
    return { ...judgement, ...(judgement.ended === "done" ? { usedApproval: true } : { approved: plan }) };
  }
  const summary = `Waits for approval of ${id}.`;
  say(summary);
  const previews = new Map([...plan.lines].map(([place, lines]) => [place, previewOf(lines, id, advice)]));
  return { ended: "done", summary, objects, previews, verdicts: waitingVerdicts(objects, ran.outcome, id) };
}

async function measured(
  operation: "update" | "preview",
  work: (run: Run) => Promise<RanPulumi>,
  run: Run,
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
  const forbidden = ended === "failed" ? outcome.violations.filter(({ isMandatory }) => isMandatory) : [];
  if (forbidden.length > 0) {
    // a later try finds the same, until something changes
    return { ended: "done", summary, objects, verdicts: forbiddenVerdicts(objects, forbidden) };
  }
  const verdicts = updateVerdicts(objects, outcome, reason);
  return { ended: ended === "well" ? "done" : "failed", summary, objects, verdicts };
}
