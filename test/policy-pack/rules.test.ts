import { describe, expect, it } from "vitest";
import { changedDevices, devicesInState } from "../../policy-pack/changed-devices.ts";
import { RULES } from "../../policy-pack/rules.ts";

const problems = (name: string, type: string, props: Record<string, unknown>, limit?: number) => {
  const rule = RULES.find((candidate) => candidate.name === name)!;
  return rule.problems(type, props, limit ?? rule.limit?.default ?? 0);
};
const CLUSTER = "edgeflock:index:DevicesCluster";
const FIRMWARE = "pulumi-nodejs:dynamic/edgeflock:Firmware";
const DIGEST = `sha256:${"0a".repeat(32)}`;

describe("the rule about TLS", () => {
  it("names each address without", () => {
    const props = {
      mqtt: "mqtt://broker:1883",
      management: "https://broker:15671",
      influxdb: "http://db:8086",
    };
    expect(problems("tls-required", CLUSTER, props)).toEqual([
      "mqtt is at mqtt://broker:1883, where passwords can be read on the way; use TLS.",
      "influxdb is at http://db:8086, where passwords can be read on the way; use TLS.",
    ]);
  });

  it("is content with TLS, and with what is no cluster of ours", () => {
    expect(problems("tls-required", CLUSTER, { mqtt: "mqtts://broker:8883" })).toEqual([]);
    expect(problems("tls-required", "other:index:Thing", { mqtt: "mqtt://broker" })).toEqual([]);
  });
});

describe("the rule about images", () => {
  it.each([
    [{ firmware: { container: { image: "builder:latest" } } }, 1],
    [{ builder: { container: { image: "builder@sha256:12" } } }, 1],
    [{ firmware: { container: { image: `example/builder@${DIGEST}` } } }, 0],
    [{ firmware: { builder: { name: "native" } } }, 0],
    [{ firmware: null }, 0],
  ])("finds in %j %i without a digest", (props, count) => {
    expect(problems("images-by-digest", FIRMWARE, props)).toHaveLength(count);
    expect(problems("images-by-digest", "other:index:Thing", props)).toHaveLength(0);
  });
});

describe("the rule about generated secrets", () => {
  const props = { generatedSecrets: { "wifi.password": 12, "door.code": 8, token: 24 } };

  it("names each that is too short", () => {
    expect(problems("secret-length", "edgeflock:index:Device", props)).toEqual([
      'the secret "wifi.password" has 12 characters, not 16.',
      'the secret "door.code" has 8 characters, not 16.',
    ]);
  });

  it("goes by the number that the stack sets", () => {
    expect(problems("secret-length", "edgeflock:index:Device", props, 8)).toEqual([]);
    expect(problems("secret-length", "edgeflock:index:Device", {}, 99)).toEqual([]);
  });
});

describe("what an update changes", () => {
  const type = "pulumi-nodejs:dynamic/edgeflock:Device";
  const urn = (name: string) => `urn:pulumi:s::p::edgeflock:index:Device$${type}::${name}`;
  const resource = (name: string, applied: string) => ({ urn: urn(name), type, outputs: { applied } });
  const before = devicesInState({
    version: 3,
    checkpoint: {
      latest: {
        resources: [
          resource("gh/a", "1"),
          resource("gh/b", "2"),
          resource("gh/c", "3"),
          { ...resource("gh/leaving", "4"), delete: true },
          { urn: "urn:pulumi:s::p::pulumi:pulumi:Stack::x", type: "pulumi:pulumi:Stack" },
        ],
      },
    },
  });
  const planned = (name: string, applied?: string, aliases: string[] = []) => ({
    urn: urn(name),
    type,
    props: applied === undefined ? {} : { applied },
    opts: { aliases },
  });

  it("is each device that is written, new or gone", () => {
    const resources = [planned("gh/a", "1"), planned("gh/b"), planned("gh/d")];
    expect(changedDevices(before, resources)).toEqual(["gh/b", "gh/c", "gh/d"]);
  });

  it("counts a renamed device once", () => {
    const resources = [
      planned("gh/a", "1"),
      planned("gh/b", "2"),
      planned("gh/new", undefined, [urn("gh/c")]),
    ];
    expect(changedDevices(before, resources)).toEqual(["gh/new"]);
  });

  it("is nothing where all stays as it is, or nothing is", () => {
    expect(
      changedDevices(before, [planned("gh/a", "1"), planned("gh/b", "2"), planned("gh/c", "3")]),
    ).toEqual([]);
    expect(devicesInState(undefined).size).toBe(0);
    expect(devicesInState({ version: 3, deployment: { resources: [resource("gh/a", "1")] } }).size).toBe(1);
  });
});
