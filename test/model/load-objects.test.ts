import { describe, expect, it } from "vitest";
import { type DeclaredObject, loadObjects, meantObjects } from "../../model/load-objects.ts";
import { ProblemsError } from "../../model/problem.ts";

const mqtt = { broker: { kind: "external", host: "mqtt.example" }, topicRoot: "site" };
const cluster = (name: string, spec: object = {}): DeclaredObject => ({
  kind: "DevicesCluster",
  metadata: { name },
  spec: { namespace: name, mqtt, ...spec },
});
const deviceClass = (namespace: string): DeclaredObject => ({
  kind: "DeviceClass",
  metadata: { name: "node", namespace },
  spec: { chip: "esp32", firmware: { builder: { name: "native" } } },
});
const device = (
  namespace: string,
  name: string,
  spec: object = {},
  metadata: object = {},
): DeclaredObject => ({
  kind: "Device",
  metadata: { name, namespace, ...metadata },
  spec: { deviceClassReference: { name: "node" }, ...spec },
});

function problems(objects: DeclaredObject[], options: { clusters?: string[] } = {}): string[] {
  try {
    loadObjects(objects, options);
    return [];
  } catch (error) {
    if (error instanceof ProblemsError) return error.message.split("\n").slice(0, -1);
    throw error;
  }
}

describe("objects of a cluster as what a stack declares", () => {
  it("are checked as manifests are, and the place of a problem is the object", () => {
    const wrong = [
      cluster("a"),
      deviceClass("a"),
      device("a", "one", { deviceClassReference: { name: "nod" } }),
    ];
    expect(problems(wrong)).toEqual([
      'Device a/one spec.deviceClassReference.name: there is no DeviceClass "nod"; did you mean "node"?',
    ]);
  });

  it("name the other object where two are at odds", () => {
    const twice = [cluster("a"), cluster("b", { namespace: "a" })];
    const already = "has this namespace already; each DevicesCluster needs its own";
    expect(problems(twice)).toEqual([
      `DevicesCluster a spec.namespace: DevicesCluster b ${already}`,
      `DevicesCluster b spec.namespace: DevicesCluster a ${already}`,
    ]);
  });

  it("are refused where their DevicesCluster is gone: its site would be taken down", () => {
    expect(problems([cluster("b"), deviceClass("a"), device("a", "one")])).toEqual([
      'Device a/one metadata.namespace: belongs to no DevicesCluster: none has the namespace "a"; did you mean "b"?',
      'DeviceClass a/node metadata.namespace: belongs to no DevicesCluster: none has the namespace "a"; did you mean "b"?',
    ]);
  });

  it("may be those of some DevicesClusters only, which have to be there", () => {
    const objects = [cluster("a"), deviceClass("a"), cluster("b"), deviceClass("b"), device("c", "stray")];
    const { clusters, classes, devices } = loadObjects(objects, { clusters: ["b"] });
    expect([clusters.length, classes.length, devices.length]).toEqual([1, 1, 0]);
    expect(problems(objects, { clusters: ["b", "x"] })).toEqual([
      'edgeflock:clusters names "x", and there is no such DevicesCluster',
    ]);
  });

  it("count as gone while they are being deleted", () => {
    const leaving = device("a", "one", {}, { deletionTimestamp: "2026-11-26T00:00:00Z" });
    expect(meantObjects([cluster("a"), leaving])).toHaveLength(1);
  });

  it("keep fractions in settings as text, as manifests do", () => {
    const { devices } = loadObjects([
      cluster("a"),
      deviceClass("a"),
      device("a", "one", { data: { "x.y": 0.5, "x.n": 3 } }),
    ]);
    expect(devices[0]!.manifest.spec.data).toEqual({ "x.y": "0.5", "x.n": 3 });
  });
});
