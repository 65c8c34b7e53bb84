// Exceptions from a rule, each for one resource and with a reason. Pure.
import type { PolicyConfigSchema } from "@pulumi/policy";

export interface Waiver {
  /** Of the resource (`greenhouse`, `greenhouse/cam-001`), or of the stack for a rule about all of it. */
  name: string;
  /** Why; for whoever reads the stack's policies later. */
  reason: string;
}

/** How a rule's configuration says them. pulumi refuses what doesn't fit, and names the path. */
export const WAIVERS_SCHEMA: PolicyConfigSchema["properties"][string] = {
  type: "array",
  description: "For what the rule doesn't count, and why.",
  default: [],
  items: {
    type: "object",
    required: ["name", "reason"],
    additionalProperties: false,
    properties: {
      name: { type: "string", minLength: 1 },
      reason: { type: "string", minLength: 8 },
    },
  },
};

export function isWaived(waivers: readonly Waiver[], name: string): boolean {
  return waivers.some((waiver) => waiver.name === name);
}
