// Turns what the API server refused into sentences that say what to do. Pure.
import { KubernetesError } from "../../../kubernetes/kubernetes-error.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { isObject, isSecret, type Properties, type Value } from "../property-values.ts";
import { idOf, isSecretObject, text } from "./api-object.ts";

type Action = "created" | "updated" | "deleted" | "read";

/** The same error with the object named, a way out, and without the object's secret values. */
export function explained(error: unknown, action: Action, object: Properties, inputs: Properties): unknown {
  if (!(error instanceof KubernetesError)) return error;
  const what = `${text(object, "kind")} ${idOf(object)}`;
  const reason = withoutValues(error.message, secretValues(inputs));
  const hint = hintFor(error, text(object, "kind"));
  return new VisibleError(`${what} was not ${action} by the Kubernetes API server: ${reason}`, {
    ...(hint && { hint }),
    cause: error,
  });
}

function hintFor(error: KubernetesError, kind: string): string | undefined {
  if (error.reason === "AlreadyExists") {
    return [
      "It exists in the cluster and is not this resource's. Ways out:",
      "- the resource was renamed: give it an alias of its old name;",
      `- it should become part of the stack: import it (the resource option "import", or "pulumi import");`,
      "- it belongs to another stack or person: choose another name;",
      "- it may be overwritten: set upsertExistingObjects on the provider.",
    ].join("\n");
  }
  if (error.reason === "Conflict") {
    return [
      "Somebody else manages these fields (the field managers are named above). Leave the fields to them by",
      `ignoreChanges, or take the fields over with the annotation pulumi.com/patchForce: "true" on this ${kind}.`,
    ].join("\n");
  }
  if (error.status === 403 && error.message.includes("exceeded quota")) {
    return "Free some of the quota, or have it raised, and run the command again.";
  }
  if (error.status === 403)
    return "The kubeconfig's user lacks this right; have it granted, or use another context.";
  return undefined;
}

/** Values that must not be repeated: whatever is marked as secret, and a Secret's data. */
function secretValues(inputs: Properties): string[] {
  const found: string[] = [];
  const collect = (value: Value | undefined, inSecret: boolean): void => {
    if (isSecret(value)) collect(value.value, true);
    else if (Array.isArray(value)) for (const entry of value) collect(entry, inSecret);
    else if (isObject(value)) for (const entry of Object.values(value)) collect(entry, inSecret);
    else if (inSecret && typeof value === "string" && value.length > 2) found.push(value);
  };
  collect(inputs, false);
  if (isSecretObject(inputs)) for (const part of [inputs.data, inputs.stringData]) collect(part, true);
  return found;
}

function withoutValues(message: string, values: string[]): string {
  const longestFirst = [...values].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((cleaned, value) => cleaned.replaceAll(value, "[secret]"), message);
}

/** Whether an object that is previewed has no namespace yet, which the same update may create. */
export function isMissingNamespace(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 404 && error.details?.kind === "namespaces";
}

export function hasStatus(error: unknown, status: number, reason?: string): boolean {
  return error instanceof KubernetesError && error.status === status && (!reason || error.reason === reason);
}
