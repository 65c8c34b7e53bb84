import { describe, expect, it } from "vitest";
import { isApproved, isRestOf, planId } from "../../../cli/reconcile/approval.ts";
import { APPROVE_ANNOTATION, type ObservedObject } from "../../../cli/reconcile/observed-objects.ts";
import { readOutcome } from "../../../cli/reconcile/outcome.ts";
import { type Plan, planOf, previewOf } from "../../../cli/reconcile/preview.ts";

const STACK = "urn:pulumi:test::fleet::";
const CLUSTER = "edgeflock:index:DevicesCluster";
const DEVICE = `${STACK}${CLUSTER}$edgeflock:index:Device$pulumi-nodejs:dynamic/edgeflock:Device`;
const PROVIDER = `${STACK}pulumi:providers:kubernetes::fleet`;
const MAIN = "DevicesCluster main";
const OTHER = "DevicesCluster other";

const step = (urn: string, op: string, inputs: [old: object, now: object] = [{}, {}]) =>
  JSON.stringify({
    resOutputsEvent: {
      metadata: {
        ...{ op, urn, type: urn.split("::")[2]!.split("$").at(-1) },
        ...{ old: { inputs: inputs[0] }, new: { inputs: inputs[1] } },
      },
    },
  });

function object(
  kind: ObservedObject["kind"],
  name: string,
  namespace: string,
  more: { approve?: string; approved?: string } = {},
): ObservedObject {
  const { approve, approved } = more;
  const annotations = approve === undefined ? {} : { [APPROVE_ANNOTATION]: approve };
  const metadata = { name, uid: name, generation: 1, annotations };
  if (kind !== "DevicesCluster") return { kind, metadata: { ...metadata, namespace }, spec: {} };
  return { kind, metadata, spec: { namespace }, ...(approved !== undefined && { status: { approved } }) };
}
const OBJECTS = [object("DevicesCluster", "main", "site"), object("Device", "a", "site")];

async function plan(objects: readonly ObservedObject[], ...lines: string[]): Promise<Plan> {
  const clusters = new Map(objects.map(({ metadata, spec }) => [spec.namespace, metadata.name]));
  return planOf(objects, await readOutcome(lines, (namespace) => clusters.get(namespace)));
}
const edit = (place: string) =>
  step(`${DEVICE}::site/a`, "update", [{ "place.name": "1" }, { "place.name": place }]);

describe("a plan", () => {
  it("is for the DevicesCluster whose objects would change", async () => {
    const { lines } = await plan(OBJECTS, edit("2"), step(`${DEVICE}::site/b`, "same"));
    expect([...lines]).toEqual([[MAIN, ["update Device site/a: place.name"]]]);
    expect(previewOf(lines.get(MAIN)!, "id")).toEqual({
      ...{ id: "id", summary: "1 to update", changes: ["update Device site/a: place.name"] },
    });
  });

  it("has what belongs to a DevicesCluster that was deleted approved by those that are left", async () => {
    const gone = [
      step(`${STACK}${CLUSTER}$kubernetes:core/v1:Namespace::gone`, "delete"),
      step(`${DEVICE}::gone/x`, "delete"),
    ];
    const { lines } = await plan([...OBJECTS, object("DevicesCluster", "other", "two")], ...gone);
    expect([...lines.keys()].sort()).toEqual([MAIN, OTHER]);
    expect(lines.get(MAIN)).toEqual(["delete DevicesCluster gone (Namespace)", "delete Device gone/x"]);
  });

  it("has what belongs to no object, for everybody", async () => {
    const change = step(PROVIDER, "update", [{ context: "a" }, { context: "b" }]);
    const { lines } = await plan(OBJECTS, change);
    expect([...lines]).toEqual([[MAIN, ["update pulumi:providers:kubernetes fleet: context"]]]);
  });

  it("is never empty where pulumi counts changes", async () => {
    const component = step(`${STACK}${CLUSTER}$edgeflock:index:Device::site/a`, "create");
    const summary = JSON.stringify({ summaryEvent: { resourceChanges: { same: 5, create: 1 } } });
    expect([...(await plan(OBJECTS, component, summary)).lines]).toEqual([[MAIN, ["create 1 of the stack"]]]);
    const same = JSON.stringify({ summaryEvent: { resourceChanges: { same: 5 } } });
    expect((await plan(OBJECTS, same)).lines.size).toBe(0);
  });
});

describe("an approval", () => {
  const approvedBy = (id: string) => [object("DevicesCluster", "main", "site", { approve: id }), OBJECTS[1]!];

  it("is of what would be written: the same setting with another value needs another", async () => {
    const [first, again, other] = await Promise.all(
      ["2", "2", "3"].map((place) => plan(OBJECTS, edit(place))),
    );
    const id = planId(OBJECTS, first!);
    expect(isApproved(OBJECTS, first!, id)).toBe(false);
    expect(isApproved(approvedBy(id), again!, planId(approvedBy(id), again!))).toBe(true);
    expect(isApproved(approvedBy(id), other!, planId(approvedBy(id), other!))).toBe(false);
  });

  it("that was used up holds for nothing more", async () => {
    const one = await plan(OBJECTS, edit("2"));
    const id = planId(OBJECTS, one);
    const used = [object("DevicesCluster", "main", "site", { approve: id, approved: id }), OBJECTS[1]!];
    expect(isApproved(used, one, planId(used, one))).toBe(false);
  });

  it("is needed of every DevicesCluster that would change, and of no other", async () => {
    const both = [...OBJECTS, object("DevicesCluster", "other", "two")];
    const everybody = await plan(both, step(PROVIDER, "update"));
    const id = planId(both, everybody);
    const one = [...approvedBy(id), object("DevicesCluster", "other", "two")];
    expect(isApproved(one, everybody, planId(one, everybody))).toBe(false);
    const ofMain = await plan(one, edit("2"));
    const approved = [...approvedBy(planId(one, ofMain)), one[2]!];
    expect(isApproved(approved, ofMain, planId(approved, ofMain))).toBe(true);
  });

  it("holds for what is left of an update that failed half-way, and for nothing besides", async () => {
    const second = step(`${DEVICE}::site/b`, "create");
    const whole = await plan(OBJECTS, edit("2"), second);
    expect(isRestOf(await plan(OBJECTS, second), whole)).toBe(true);
    expect(isRestOf(await plan(OBJECTS, edit("3")), whole)).toBe(false);
    expect(isRestOf(whole, undefined)).toBe(false);
  });
});
