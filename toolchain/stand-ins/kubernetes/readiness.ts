// Whether an object is ready: what a create or update waits for, as the official plugin does for
// workloads. Pure. Kinds that are not here are ready once the server has taken them.
import { isObject, type Properties, type Value } from "../property-values.ts";
import { field, text } from "./api-object.ts";

export interface Readiness {
  ready: boolean;
  /** What is missing, for the user to see while waiting. */
  reason: string;
  /** It will not become ready any more. */
  failed?: boolean;
}

const READY: Readiness = { ready: true, reason: "" };

export function readinessOf(object: Properties): Readiness {
  return CHECKS[`${text(object, "apiVersion")}/${text(object, "kind")}`]?.(object) ?? READY;
}

const CHECKS: Record<string, (object: Properties) => Readiness> = {
  "apps/v1/Deployment": (object) =>
    unseen(object) ??
    failedCondition(object, "Progressing", "False") ??
    rolledOut(object, number(object, "spec", "replicas"), ["updatedReplicas", "availableReplicas"]),
  "apps/v1/StatefulSet": (object) =>
    rolledOut(object, number(object, "spec", "replicas"), ["updatedReplicas", "readyReplicas"]),
  "apps/v1/DaemonSet": (object) =>
    rolledOut(object, number(object, "status", "desiredNumberScheduled"), [
      "updatedNumberScheduled",
      "numberAvailable",
    ]),
  "batch/v1/Job": (object) =>
    failedCondition(object, "Failed", "True") ??
    whether(hasCondition(object, "Complete"), "the job has not completed"),
  "v1/Pod": (object) => {
    const phase = text(object, "status", "phase");
    if (phase === "Failed")
      return { ready: false, failed: true, reason: `the pod failed: ${text(object, "status", "message")}` };
    return whether(
      phase === "Succeeded" || hasCondition(object, "Ready"),
      `the pod is ${phase || "pending"}`,
    );
  },
  "v1/PersistentVolume": (object) =>
    whether(["Available", "Bound"].includes(text(object, "status", "phase")), "the volume is not available"),
  "v1/Secret": (object) =>
    whether(
      object.type !== "kubernetes.io/service-account-token" || isObject(object.data),
      "no token has been written yet",
    ),
  "v1/Service": (object) =>
    whether(
      field(object, "spec", "type") !== "LoadBalancer" ||
        list(field(object, "status", "loadBalancer", "ingress")).length > 0,
      "no address has been given by a load balancer",
    ),
};

function rolledOut(object: Properties, wanted: number, counts: string[]): Readiness {
  const early = unseen(object);
  if (early) return early;
  const missing = counts.find((count) => number(object, "status", count) < wanted);
  if (missing === undefined) return READY;
  return { ready: false, reason: `${number(object, "status", missing)} of ${wanted} ${missing}` };
}

/** Until the controller has seen the newest generation, the status is about an older one. */
function unseen(object: Properties): Readiness | undefined {
  if (number(object, "status", "observedGeneration") >= number(object, "metadata", "generation"))
    return undefined;
  return { ready: false, reason: "the controller has not seen it" };
}

function whether(ready: boolean, reason: string): Readiness {
  return ready ? READY : { ready, reason };
}

function number(object: Properties, ...path: string[]): number {
  const value = field(object, ...path);
  return typeof value === "number" ? value : 0;
}

function list(value: Value | undefined): Value[] {
  return Array.isArray(value) ? value : [];
}

function hasCondition(object: Properties, type: string, status = "True"): boolean {
  return list(field(object, "status", "conditions")).some(
    (condition) => field(condition, "type") === type && field(condition, "status") === status,
  );
}

function failedCondition(object: Properties, type: string, status: string): Readiness | undefined {
  const found = list(field(object, "status", "conditions")).find(
    (condition) => field(condition, "type") === type && field(condition, "status") === status,
  );
  if (found === undefined) return undefined;
  return { ready: false, failed: true, reason: text(found, "message") || `${type} is ${status}` };
}
