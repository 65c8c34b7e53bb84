import { describe, expect, it } from "vitest";
import { namespacesOf, orphans } from "../../../cli/update/orphans.ts";

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

  it("is looked for in the namespaces of the state", () => {
    const namespace = { urn: "urn", type: "kubernetes:core/v1:Namespace", id: "gh" };
    expect(namespacesOf([cluster, device, namespace, namespace])).toEqual(["gh"]);
  });
});
