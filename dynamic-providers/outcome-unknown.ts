// A write of which nobody knows whether it was carried out: the API server was lost in the middle of it. Pure.
import { KubernetesError } from "../kubernetes/kubernetes-error.ts";
import { VisibleError } from "../model/visible-error.ts";

/**
 * With an id and properties the engine keeps the resource in the state, as one that has to be updated, and deletes it
 * where the program declares it no longer. Without them an object could stay behind that nobody knows of.
 * (grpcResponseFromError in @pulumi/pulumi, cmd/dynamic-provider)
 */
export class OutcomeUnknown extends Error {
  readonly id: string;
  readonly properties: object;
  readonly reasons: string[];

  constructor(cause: unknown, id: string, properties: object) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const hint = cause instanceof VisibleError && cause.hint ? ` ${cause.hint}` : "";
    super(`${message}${hint}`, { cause });
    this.name = "OutcomeUnknown";
    this.id = id;
    this.properties = properties;
    this.reasons = [message];
  }
}

/**
 * What a provider's `create` gives back.
 * @param unwritten what the state is to remember where the write broke off
 * @throws OutcomeUnknown, or what the write was refused with
 */
export async function created<T extends object>(
  id: string,
  write: () => Promise<T>,
  unwritten: () => object,
): Promise<{ id: string; outs: T }> {
  try {
    return { id, outs: await write() };
  } catch (error) {
    throw isRefusal(error) ? error : new OutcomeUnknown(error, id, unwritten());
  }
}

/** Whether somebody said no, so that nothing was written. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof VisibleError) {
    return error.cause === undefined || isRefusal(error.cause);
  }
  return error instanceof KubernetesError && error.status < 500;
}
