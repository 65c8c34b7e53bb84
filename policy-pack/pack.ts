// The policy pack that pulumi runs beside a preview (`--policy-pack`): puts the rules into the form of @pulumi/policy.
// Serves pulumi on a port of loopback as soon as it is imported; reads the stack's state.
// https://www.pulumi.com/docs/iac/packs/policies/
import { type Policies, type PolicyConfigSchema, PolicyPack } from "@pulumi/policy";
import { changedDevices } from "./changed-devices.ts";
import { deployedDevices } from "./deployed-devices.ts";
import { MAX_CHANGED_DEVICES, RULES } from "./rules.ts";
import { isWaived, WAIVERS_SCHEMA, type Waiver } from "./waivers.ts";

/** What a stack's configuration may say of a rule besides its level. */
interface RuleConfig {
  waivers: Waiver[];
  /** The number that the rule measures by, where it has one. */
  [limit: string]: unknown;
}

const resourceRules: Policies = RULES.map((rule) => ({
  name: rule.name,
  description: rule.description,
  severity: rule.severity,
  enforcementLevel: "mandatory",
  configSchema: schema(rule.limit),
  validateResource: (args, report) => {
    const config = args.getConfig<RuleConfig>();
    const limit = rule.limit ? Number(config[rule.limit.name]) : 0;
    for (const problem of rule.problems(args.type, args.props, limit)) {
      if (!isWaived(config.waivers, args.name)) report(problem);
    }
  },
}));

const MAX_CHANGED = { name: "devices", default: 100, description: "At most so many devices in one update." };

new PolicyPack("edgeflock", {
  policies: [
    ...resourceRules,
    {
      name: MAX_CHANGED_DEVICES,
      description: "One update changes, adds and removes at most so many devices of a fleet that is there.",
      severity: "critical",
      enforcementLevel: "advisory",
      configSchema: schema(MAX_CHANGED),
      validateStack: async ({ resources, getConfig }, report) => {
        const { waivers, devices } = getConfig<RuleConfig & { devices: number }>();
        const stack = resources[0] && stackOf(resources[0].urn);
        if (!stack || isWaived(waivers, stack.name)) return;
        const before = await deployedDevices(stack);
        // A fleet's first update makes all of it, and changes nothing that anybody relies on.
        if (before.size === 0) return;
        const changed = changedDevices(before, resources);
        if (changed.length <= devices) return;
        const some = changed.slice(0, 5).join(", ");
        report(
          `${changed.length} devices would change, ${devices} may at once: ${some}${changed.length > 5 ? ", …" : ""}.`,
        );
      },
    },
  ],
});

function schema(limit?: { name: string; default: number; description: string }): PolicyConfigSchema {
  return {
    properties: {
      waivers: WAIVERS_SCHEMA,
      ...(limit && {
        [limit.name]: {
          type: "integer" as const,
          minimum: 0,
          default: limit.default,
          description: limit.description,
        },
      }),
    },
  };
}

/** `urn:pulumi:<stack>::<project>::…` */
function stackOf(urn: string): { name: string; project: string } | undefined {
  const [, name, project] = /^urn:pulumi:([^:]+)::([^:]+)::/.exec(urn) ?? [];
  return name === undefined || project === undefined ? undefined : { name, project };
}
