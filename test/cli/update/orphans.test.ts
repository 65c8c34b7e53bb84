import { describe, expect, it } from "vitest";
import { certainlyOurs, namespacesOf, orphans } from "../../../cli/update/orphans.ts";
import { holdsRootKey } from "../../../cli/update/root-key-first.ts";
import { clusterRoleNames } from "../../../model/access-plan.ts";

const CLUSTER = "edgeflock:index:DevicesCluster";
const cluster = { urn: `urn:pulumi:prod::fleet::${CLUSTER}::gh`, type: CLUSTER };
const device = {
  urn: `urn:pulumi:prod::fleet::${CLUSTER}$edgeflock:index:Device::gh/cam-001`,
  type: "edgeflock:index:Device",
};

function secret(owner: string | undefined) {
  const annotations = owner === undefined ? {} : { "edgeflock.io/owner": owner };
  return { apiVersion: "v1", kind: "Secret", metadata: { namespace: "gh", name: "s", annotations } };
}

describe("what a killed update left", () => {
  it("is what bears a token of this stack whose component the state does not know", () => {
    const left = secret("fleet/prod/gh/cam-002");
    const found = orphans([secret("fleet/prod/gh/cam-001"), left], [cluster, device], "fleet/prod");
    expect(found).toEqual([{ object: left, token: "fleet/prod/gh/cam-002" }]);
  });

  it("is never another stack's, nor nobody's, nor of a component that is there", () => {
    const others = [
      secret("fleet/prod2/gh/cam-002"),
      secret("other/prod/gh/cam-002"),
      secret(undefined),
      secret("fleet/prod/gh"),
    ];
    expect(orphans(others, [cluster, device], "fleet/prod")).toEqual([]);
  });

  it("goes outside of our namespaces only where it bears our root key, or belongs to a Namespace that does", () => {
    const wide = (kind: string, name: string, key?: string) => ({
      token: "fleet/prod/x",
      object: {
        apiVersion: "v1",
        kind,
        metadata: { name, annotations: key === undefined ? {} : { "edgeflock.io/root-key": key } },
      },
    });
    const [ours, theirs, bare] = [
      wide("Namespace", "left", "our-key"),
      wide("Namespace", "anothers", "their-key"),
      wide("Namespace", "bare"),
    ];
    const role = (namespace: string) => wide("ClusterRole", clusterRoleNames(namespace)[0]!);
    const inside = { token: "fleet/prod/x", object: secret("fleet/prod/x") };
    const found = [ours, theirs, bare, role("left"), role("gh"), role("anothers"), inside];
    expect(certainlyOurs(found, "our-key", ["gh"])).toEqual([ours, role("left"), role("gh"), inside]);
    expect(certainlyOurs(found, undefined, ["gh"])).toEqual([role("gh"), inside]);
  });

  it("is looked for in the namespaces of the state", () => {
    const namespace = { urn: "urn", type: "kubernetes:core/v1:Namespace", id: "gh" };
    expect(namespacesOf([cluster, device, namespace, namespace])).toEqual(["gh"]);
  });
});

describe("the root key", () => {
  const urn = "urn:pulumi:prod::fleet::random:index/randomPassword:RandomPassword::edgeflock-root-key";
  const key = { urn, type: "random:index/randomPassword:RandomPassword" };
  const texts = (latest: object) => [
    JSON.stringify({ version: 3, checkpoint: { stack: "prod", latest } }),
    JSON.stringify({ version: 3, deployment: latest }, null, 4),
  ];

  it("is in a state file, or an export, that has it among its resources", () => {
    const pending_operations = [{ resource: device, type: "creating" }];
    for (const text of [...texts({ resources: [key] }), ...texts({ resources: [key], pending_operations })]) {
      expect(holdsRootKey(text)).toBe(true);
    }
  });

  it("is not in one whose making of it was interrupted", () => {
    const pending_operations = [{ resource: key, type: "creating" }];
    for (const text of [...texts({}), ...texts({ resources: [cluster], pending_operations })]) {
      expect(holdsRootKey(text)).toBe(false);
    }
  });
});
