import { describe, expect, it } from "vitest";
import type { Condition } from "../../../cli/reconcile/conditions.ts";
import type { ObservedObject } from "../../../cli/reconcile/observed-objects.ts";
import { strayVerdicts, withoutStrays } from "../../../cli/reconcile/strays.ts";

function object(
  kind: ObservedObject["kind"],
  name: string,
  namespace: string,
  conditions: Record<string, Condition["status"]> = {},
): ObservedObject {
  const metadata = { name, uid: name, generation: 1 };
  if (kind === "DevicesCluster") return { kind, metadata, spec: { namespace } };
  const said = Object.entries(conditions).map(([type, status]) => ({
    ...{ type, status, lastTransitionTime: "", reason: "X", message: "" },
  }));
  return { kind, metadata: { ...metadata, namespace }, spec: {}, status: { conditions: said } };
}
const MAIN = object("DevicesCluster", "main", "site");
const MEMBER = object("Device", "a", "site");
const names = (objects: readonly ObservedObject[]) => objects.map(({ metadata }) => metadata.name);

describe("an object in a namespace that no DevicesCluster names", () => {
  it("is refused by itself, and is no part of what is updated", () => {
    const waited = object("Device", "old", "elsewhere", { Validated: "True", Ready: "Unknown" });
    const { objects, strays } = withoutStrays([MAIN, MEMBER, object("Device", "x", "elsewhere"), waited]);
    expect([names(objects), names(strays)]).toEqual([
      ["main", "a"],
      ["x", "old"],
    ]);
    const [validated] = strayVerdicts(strays).get("Device elsewhere/x")!;
    expect(validated).toMatchObject({
      ...{ type: "Validated", status: "False", reason: "Refused" },
      message: 'metadata.namespace: belongs to no DevicesCluster: none has the namespace "elsewhere"',
    });
  });

  it("is no stranger where the namespace was a fleet's: left out, that would be taken down", () => {
    for (const condition of [{ Ready: "True" }, { Validated: "False", ConfigBuilt: "True" }] as const) {
      const kept = object("Device", "x", "gone", condition);
      const another = object("DeviceGroup", "y", "gone");
      expect(withoutStrays([MAIN, MEMBER, kept, another]).strays).toEqual([]);
    }
  });

  it("is told as before where there is no DevicesCluster at all", () => {
    expect(withoutStrays([MEMBER])).toEqual({ objects: [MEMBER], strays: [] });
  });
});
