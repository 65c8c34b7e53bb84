// Errors that the user can mend, on their way through Pulumi: shown as a sentence, without a stack. Touches nothing.
import * as pulumi from "@pulumi/pulumi";
import { VisibleError } from "../model/visible-error.ts";

/** Runs `action`; what the user can mend becomes Pulumi's own kind of error without a stack trace. */
export function visible<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw asRunError(error);
  }
}

/** The same for what takes its time. */
export async function reportable<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asRunError(error);
  }
}

function asRunError(error: unknown): unknown {
  if (!(error instanceof VisibleError)) return error;
  return new pulumi.RunError(error.hint ? `${error.message}\n→ ${error.hint}` : error.message);
}
