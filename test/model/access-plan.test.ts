import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AccessPlan,
  accessPlan,
  artifactRules,
  clusterRoleNames,
  MAX_NAMES,
  type PolicyRule,
} from "../../model/access-plan.ts";

const plan = (devices: string[], classes = ["cam", "node"]) =>
  accessPlan({ namespace: "gh", cluster: "greenhouse", classes, devices, createsClusters: true });
const rulesOf = (of: AccessPlan, role: string) =>
  of.roles.filter((each) => each.role === role).flatMap(({ rules }) => rules);
const secretRules = (rules: PolicyRule[]) => rules.filter(({ resources }) => resources.includes("secrets"));
const many = Array.from({ length: 2 * MAX_NAMES + 1 }, (_, i) => `d-${String(i).padStart(5, "0")}`);

describe("the plan of who may do what", () => {
  it("is the same whatever the order of devices and classes", () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(names, names, (devices, classes) => {
        const turned = plan([...devices].reverse(), [...classes].reverse());
        expect(JSON.stringify(turned)).toBe(JSON.stringify(plan(devices, classes)));
      }),
    );
  });

  it("gives a flasher the Secrets of devices by name, to read only, and no list of them", () => {
    expect(secretRules(rulesOf(plan(["b", "a"]), "flasher"))).toEqual([
      { apiGroups: [""], resources: ["secrets"], verbs: ["get"], resourceNames: ["a-device", "b-device"] },
    ]);
  });

  it("gives a dashboard no Secrets, and nothing to change", () => {
    const rules = rulesOf(plan(["a"]), "dashboard");
    expect(secretRules(rules)).toEqual([]);
    expect(rules.flatMap(({ verbs }) => verbs)).toEqual(
      expect.not.arrayContaining(["create", "update", "patch", "delete"]),
    );
  });

  it("lets nobody but the manager of clusters create Secrets, tokens or Roles", () => {
    for (const role of ["devices", "flasher", "dashboard"]) {
      for (const { resources, verbs } of rulesOf(plan(["a"]), role)) {
        if (verbs.includes("create")) expect([["leases"], ["devices"]]).toContainEqual(resources);
      }
    }
  });

  it("lets nobody change a DevicesCluster but that fleet's own manager, and no other than that", () => {
    const of = plan(["a"]);
    for (const { role, rules } of [...of.roles, ...of.clusterRoles]) {
      for (const { resources, verbs, resourceNames } of rules) {
        if (!resources.includes("devicesclusters") || !verbs.includes("update")) continue;
        expect(role).toBe("clusters");
        expect(resourceNames).toEqual(["greenhouse"]);
      }
    }
  });

  it("lets the manager of clusters alone write a topology operator's objects, and only where the broker has one", () => {
    const input = {
      namespace: "gh",
      cluster: "greenhouse",
      classes: [],
      devices: ["a"],
      createsClusters: true,
    };
    const holders = (brokerOperator: boolean) =>
      accessPlan({ ...input, brokerOperator })
        .roles.filter(({ rules }) => rules.some(({ apiGroups }) => apiGroups.includes("rabbitmq.com")))
        .map(({ role }) => role);
    expect([holders(true), holders(false)]).toEqual([["clusters"], []]);
  });

  it("gives a flasher none of the four kinds, and nobody their status", () => {
    const all = [...plan(["a"]).roles, ...plan(["a"]).clusterRoles];
    for (const { role, rules } of all) {
      const resources = rules
        .filter(({ apiGroups }) => apiGroups.includes("edgeflock.io"))
        .flatMap((rule) => rule.resources);
      if (role === "flasher") expect(resources).toEqual([]);
      expect(resources.filter((resource) => resource.includes("/"))).toEqual([]);
    }
  });

  it("never has a rule on Secrets without names but for the manager of clusters, even without a device", () => {
    for (const devices of [[], ["a"], many]) {
      for (const role of ["devices", "flasher", "dashboard"]) {
        for (const rule of secretRules(rulesOf(plan(devices), role))) {
          expect(rule.resourceNames?.length).toBeGreaterThan(0);
        }
      }
    }
  });

  it("splits a list that grows too long over further Roles, each device in exactly one", () => {
    const roles = plan(many).roles.filter(({ role }) => role === "flasher");
    expect(roles.map(({ name }) => name)).toEqual([
      "edgeflock-flasher",
      "edgeflock-flasher-2",
      "edgeflock-flasher-3",
    ]);
    const names = roles.flatMap(({ rules }) =>
      secretRules(rules).flatMap((rule) => rule.resourceNames ?? []),
    );
    expect(names).toEqual(many.map((name) => `${name}-device`));
    for (const { rules } of roles) {
      for (const rule of rules) expect(rule.resourceNames?.length ?? 0).toBeLessThanOrEqual(MAX_NAMES);
    }
  });

  it("makes the manager of clusters hold every right that the others have, so that it may bind them", () => {
    const manager = rulesOf(plan(["a"]), "clusters");
    for (const { role, rules } of plan(["a"]).roles) {
      for (const { apiGroups, resources, verbs } of role === "clusters" ? [] : rules) {
        for (const group of apiGroups) {
          for (const resource of resources) {
            const held = manager
              .filter((rule) => rule.apiGroups.includes(group) && rule.resources.includes(resource))
              .flatMap((rule) => rule.verbs);
            expect(held, `${role}: ${resource}`).toEqual(expect.arrayContaining(verbs));
          }
        }
      }
    }
  });

  it("leaves the ClusterRoles out where the fleet must not create clusters", () => {
    const input = { namespace: "gh", cluster: "greenhouse", classes: [], devices: [] };
    expect(accessPlan({ ...input, createsClusters: false }).clusterRoles).toEqual([]);
    expect(plan([]).clusterRoles.map(({ name }) => name)).toEqual(clusterRoleNames("gh"));
  });

  it("names the parts of artefacts once, those built with a secret among the Secrets", () => {
    expect(artifactRules({ configMaps: ["p2", "p1", "p1"], secrets: ["s"] })).toEqual([
      { apiGroups: [""], resources: ["configmaps"], verbs: ["get"], resourceNames: ["p1", "p2"] },
      { apiGroups: [""], resources: ["secrets"], verbs: ["get"], resourceNames: ["s"] },
    ]);
    expect(artifactRules({ configMaps: [], secrets: [] })).toEqual([]);
  });
});
