// Turns what the API server refused into a sentence for the person who ran `up`. Pure.
import { KubernetesError } from "../kubernetes/api.ts";
import { VisibleError } from "../model/visible-error.ts";

/**
 * @param what the object, as in "the Secret cam-001-device"
 * @returns the error to throw; one that says nothing new for other errors
 */
export function explainWriteError(error: unknown, what: string, namespace: string): unknown {
  if (!(error instanceof KubernetesError)) return error;
  const hint = hintFor(error, namespace);
  return hint === undefined
    ? error
    : new VisibleError(`${capitalised(what)} was not written: ${error.message}.`, { hint, cause: error });
}

function hintFor(error: KubernetesError, namespace: string): string | undefined {
  if (error.status === 403 && error.message.includes("exceeded quota")) {
    return `Raise the ResourceQuota of the namespace ${namespace} or remove what is no longer needed, then run it again.`;
  }
  if (error.status === 403 && error.message.includes("being terminated")) {
    return `The namespace ${namespace} is being deleted; wait until it is gone, then run it again.`;
  }
  if (error.status === 403) return `Ask for the right to create, get, patch and delete it in ${namespace}.`;
  if (error.status === 404) return `The namespace ${namespace} is not there; run it again once it is.`;
  if (error.status === 409) return "Somebody else wrote it at the same moment; run it again.";
  if (error.status === 413)
    return "It is larger than the API server takes; use a smaller configuration partition.";
  return undefined;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
