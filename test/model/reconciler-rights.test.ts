import { describe, expect, it } from "vitest";
import type { PolicyRule } from "../../model/access-plan.ts";
import { type RightsInput, reconcilerRights } from "../../model/reconciler-rights.ts";

function resourcesIn(namespace: string, input: Partial<RightsInput>): string[] {
  const fleets = [{ cluster: "greenhouse", namespace: "greenhouse" }];
  const rights = reconcilerRights({
    ...{ namespace: "edgeflock-system", fleets, createsClusters: false },
    ...{ jobs: false, brokerOperator: false, lease: "edgeflock-fleet-prod" },
    ...input,
  });
  const roles = rights.filter(({ kind, metadata }) => kind === "Role" && metadata.namespace === namespace);
  return roles.flatMap((role) => (role.rules as PolicyRule[]).flatMap(({ resources }) => resources));
}

describe("the reconciler's rights", () => {
  it("are those to run Jobs only where builders run as Jobs, and only in a fleet's namespace", () => {
    const forJobs = ["jobs", "pods", "pods/log", "networkpolicies"];
    expect(resourcesIn("greenhouse", { jobs: true })).toEqual(expect.arrayContaining(forJobs));
    for (const resource of forJobs) {
      expect(resourcesIn("greenhouse", {})).not.toContain(resource);
      expect(resourcesIn("edgeflock-system", { jobs: true })).not.toContain(resource);
    }
  });

  it("are those for the objects of RabbitMQ's topology operator only where brokers have it", () => {
    expect(resourcesIn("greenhouse", { brokerOperator: true })).toContain("topicpermissions");
    expect(resourcesIn("greenhouse", {})).not.toContain("topicpermissions");
  });
});
