// What a ValidatingAdmissionPolicy of ours says. Types alone.
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
import type { Kind } from "../names.ts";

export interface Validation {
  expression: string;
  message?: string;
  messageExpression?: string;
  reason?: "Invalid" | "Forbidden";
}

export interface Policy {
  name: string;
  kinds: Kind[];
  operations: ("CREATE" | "UPDATE" | "DELETE")[];
  validations: Validation[];
  /** Evaluated when one is used, and once. */
  variables?: { name: string; expression: string }[];
  /** The validations are tried with each object of this kind in the namespace, as `params`. */
  forEach?: Kind;
}
