import { describe, expect, it } from "vitest";
import { newsOf } from "../../../cli/reconcile/news.ts";
import type { ObservedObject } from "../../../cli/reconcile/observed-objects.ts";
import { objectOf, problemsSaid, readOutcome } from "../../../cli/reconcile/outcome.ts";
import { occurrence } from "../../../cli/reconcile/run-pulumi.ts";
import { forbiddenVerdicts, refusedVerdicts, updateVerdicts } from "../../../cli/reconcile/verdicts.ts";

const STACK = "urn:pulumi:test::fleet::";
const CLUSTER = "edgeflock:index:DevicesCluster";
const DEVICE = `${STACK}${CLUSTER}$edgeflock:index:Device$pulumi-nodejs:dynamic/edgeflock:Device`;
const FIRMWARE = `${STACK}${CLUSTER}$edgeflock:index:DeviceClass$pulumi-nodejs:dynamic/edgeflock:Firmware`;
const LEDGER = `${STACK}${CLUSTER}$edgeflock:index:FleetAccess$pulumi-nodejs:dynamic/edgeflock:Credentials`;
const clusterOf = (namespace: string) => (namespace === "site" ? "main" : undefined);

const step = (event: "resOutputsEvent" | "resOpFailedEvent", urn: string, op: string, more: object = {}) =>
  JSON.stringify({
    [event]: { metadata: { op, urn, type: urn.split("::")[2]!.split("$").at(-1), ...more } },
  });
const said = (message: string, urn?: string) =>
  JSON.stringify({ diagnosticEvent: { severity: "error", message, urn } });

function object(
  kind: ObservedObject["kind"],
  name: string,
  spec: object = {},
  observed = true,
): ObservedObject {
  const metadata = {
    name,
    uid: name,
    generation: 1,
    ...(kind !== "DevicesCluster" && { namespace: "site" }),
  };
  return {
    kind,
    metadata,
    spec: spec as Record<string, unknown>,
    ...(observed && { status: { observedGeneration: 1 } }),
  };
}
const OBJECTS = [
  object("DevicesCluster", "main", { namespace: "site" }),
  object("DeviceClass", "node"),
  object("Device", "a", { deviceClassReference: { name: "node" } }),
  object("Device", "b", { deviceClassReference: { name: "node" } }, false),
];

describe("what became of an update", () => {
  it("belongs to the object whose component the resource stands in", () => {
    expect(objectOf(`${DEVICE}::site/a`, clusterOf)).toBe("Device site/a");
    expect(objectOf(`${FIRMWARE}::site/node`, clusterOf)).toBe("DeviceClass site/node");
    expect(objectOf(`${LEDGER}::site`, clusterOf)).toBe("DevicesCluster main");
    expect(objectOf(`${STACK}${CLUSTER}$kubernetes:core/v1:Namespace::main`, clusterOf)).toBe(
      "DevicesCluster main",
    );
    expect(
      objectOf(`${STACK}random:index/randomPassword:RandomPassword::edgeflock-root-key`, clusterOf),
    ).toBeUndefined();
  });

  it("names the inputs that changed, not their values, and the digest", async () => {
    const states = {
      old: { inputs: { "wifi.password": "secret 1", "setting.x": "1", image: "[secret]" } },
      new: {
        inputs: { "wifi.password": "secret 2", "setting.x": "1", image: "[other]" },
        outputs: { configDigest: "sha256:ab" },
      },
    };
    const { resources } = await readOutcome(
      [step("resOutputsEvent", `${DEVICE}::site/a`, "update", states)],
      clusterOf,
    );
    expect(resources.get("Device site/a")).toEqual([
      {
        ...{ type: "Device", op: "update", changed: ["wifi.password"], digest: "sha256:ab" },
        inputs: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
  });

  it("survives a log whose end is missing", async () => {
    const whole = step("resOutputsEvent", `${DEVICE}::site/a`, "same");
    const { resources } = await readOutcome([whole, whole.slice(0, 80)], clusterOf);
    expect(resources.size).toBe(1);
  });

  it("holds what failed against its object alone", async () => {
    const urn = `${FIRMWARE}::site/node`;
    const outcome = await readOutcome(
      [
        step("resOutputsEvent", `${LEDGER}::site`, "same"),
        step("resOutputsEvent", `${DEVICE}::site/a`, "update", {
          new: { outputs: { configDigest: "sha256:ab" } },
        }),
        said("<{%fg 1%}>the compiler\nsays no<{%reset%}>", urn),
        step("resOpFailedEvent", urn, "create"),
      ],
      clusterOf,
    );
    const verdicts = updateVerdicts(OBJECTS, outcome, "the compiler");
    const truth = (place: string) =>
      Object.fromEntries(
        verdicts.get(place)!.map(({ type, status, reason }) => [type, `${status} ${reason}`]),
      );
    expect(truth("DeviceClass site/node")).toEqual({
      Validated: "True Valid",
      FirmwareBuilt: "False Failed",
      Ready: "False Failed",
    });
    expect(verdicts.get("DeviceClass site/node")!.at(-1)!.message).toBe("the compiler\nsays no");
    expect(truth("Device site/a")).toMatchObject({ ConfigBuilt: "True Built", Ready: "False Failed" });
    expect(truth("Device site/b")).toMatchObject({ ConfigBuilt: "Unknown NotReached" });
    expect(truth("DevicesCluster main")).toMatchObject({
      CredentialsIssued: "True Issued",
      Ready: "False UpdateFailed",
    });
  });

  it("leaves what an outage did not reach as it was", async () => {
    const outcome = await readOutcome([said("no backend")], clusterOf);
    const verdicts = updateVerdicts(OBJECTS, outcome, "no backend");
    expect([...verdicts.keys()]).toEqual(["DevicesCluster main", "Device site/b"]);
  });

  it("finds the object that a program's error is about", () => {
    const places = new Set(["Device site/a"]);
    const line = "error: Device site/a spec.secrets.x: is not set";
    expect(problemsSaid(["1 problem", line], (place) => places.has(place))).toEqual([
      { file: "Device site/a", path: "", message: "spec.secrets.x: is not set" },
    ]);
  });
});

describe("the credentials of a fleet", () => {
  it("are not said to be known to a broker that somebody else runs", async () => {
    const outcome = await readOutcome([step("resOutputsEvent", `${LEDGER}::site`, "same")], clusterOf);
    const issued = (kind: string) => {
      const main = object("DevicesCluster", "main", { namespace: "site", mqtt: { broker: { kind } } });
      const verdicts = updateVerdicts([main, ...OBJECTS.slice(1)], outcome, undefined);
      return [main, OBJECTS[2]!].map(
        ({ metadata }) =>
          verdicts
            .get(metadata.name === "main" ? "DevicesCluster main" : "Device site/a")!
            .find(({ type }) => type === "CredentialsIssued")!.message,
      );
    };
    expect(issued("mosquitto")).toEqual([
      "The fleet remembers them, and the broker's users are up to date.",
      "In its Secret, and known to the broker.",
    ]);
    expect(issued("external")).toEqual([
      "The fleet remembers them, and its broker is somebody else's, who makes its users.",
      "In its Secret.",
    ]);
  });
});

describe("what an update told of", () => {
  it("is read up to a line whose writer was killed", () => {
    const line = JSON.stringify({ kind: "Device", reason: "ConfigBuilt" });
    expect(occurrence(line)).toEqual({ kind: "Device", reason: "ConfigBuilt" });
    expect(occurrence(line.slice(0, 20))).toBeUndefined();
    expect(occurrence("")).toBeUndefined();
  });
});

describe("what is refused", () => {
  it("is said at the object, and everybody who waits for it knows", () => {
    const problems = [{ file: "Device site/a", path: "spec.x", message: "unknown field" }];
    const verdicts = refusedVerdicts(OBJECTS, problems);
    expect(verdicts.get("Device site/a")![0]).toMatchObject({
      status: "False",
      message: "spec.x: unknown field",
    });
    expect(verdicts.get("DevicesCluster main")!.at(-1)!.message).toBe(
      "Nothing is updated until Device site/a is mended.",
    );
    expect(verdicts.get("Device site/b")!.at(-1)!.reason).toBe("Waiting");
    expect(verdicts.has("DeviceClass site/node")).toBe(false);
  });
});

describe("what a policy says", () => {
  const event = (policyName: string, enforcementLevel: string, resourceUrn?: string) =>
    JSON.stringify({
      policyEvent: { policyName, enforcementLevel, resourceUrn, message: "<{%fg 1%}>too short<{%reset%}>\n" },
    });

  it("is held against the object that it is about, and nothing is updated", async () => {
    const urn = `${STACK}${CLUSTER}$edgeflock:index:Device::site/a`;
    const { violations } = await readOutcome(
      [event("secret-length", "mandatory", urn), event("max-changed-devices", "advisory")],
      clusterOf,
    );
    expect(violations).toEqual([
      { policy: "secret-length", isMandatory: true, place: "Device site/a", message: "too short" },
      { policy: "max-changed-devices", isMandatory: false, place: undefined, message: "too short" },
    ]);
    const verdicts = forbiddenVerdicts(OBJECTS, violations.slice(0, 1));
    const ready = (place: string) => verdicts.get(place)?.at(-1);
    expect(ready("Device site/a")).toMatchObject({
      ...{ status: "False", reason: "PolicyViolated", message: "secret-length: too short" },
    });
    expect(ready("DevicesCluster main")).toMatchObject({ status: "False", reason: "MemberForbidden" });
    expect(ready("Device site/b")).toMatchObject({ status: "Unknown", reason: "Waiting" });
    expect(ready("DeviceClass site/node")).toBeUndefined();
    expect(newsOf(OBJECTS, verdicts)).toEqual([
      expect.objectContaining({
        regarding: expect.objectContaining({ name: "a" }),
        occurrence: expect.objectContaining({ type: "Warning", reason: "PolicyViolated" }),
      }),
    ]);
  });
});
