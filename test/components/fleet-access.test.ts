import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { recordResources, settled, UID } from "./support/recorded-resources.ts";

// FleetAccess as a program sees it.
const PARTS = ["artifact-1", "artifact-0"];
const registered = recordResources(PARTS);

type Mqtt = { kind: "mosquitto" | "external" };

async function fleet(broker: Mqtt, spec: object = {}) {
  const components = await import("../../components/index.ts");
  const { DevicesCluster, DeviceClass, DeviceGroup, Device } = components;
  const cluster = new DevicesCluster("greenhouse", {
    namespace: "gh",
    mqtt: { broker: { ...broker, host: "mqtt.example" }, topicRoot: "site" },
    kubernetes: { context: "test", clusterIdentifier: UID },
    ...spec,
  });
  const node = { chip: "esp32" as const, firmware: { builder: { name: "native" } } };
  new DeviceClass("node", { cluster, ...node });
  new DeviceGroup("north", { cluster, selector: {} });
  const device = (name: string) => new Device(name, { cluster, deviceClassReference: { name: "node" } });
  return { ...components, cluster, node, device };
}

const names = (kind: string) =>
  registered
    .filter(({ type }) => type.endsWith(`:${kind}`))
    .map(({ inputs }) => (inputs.metadata as { name: string }).name)
    .sort();
const rulesOf = (role: string) =>
  registered.find(({ type, name }) => type.endsWith(":Role") && name === `gh/${role}`)?.inputs.rules as {
    resources: string[];
    resourceNames?: string[];
  }[];
const FOUR = ["edgeflock-clusters", "edgeflock-dashboard", "edgeflock-devices", "edgeflock-flasher"];

describe("FleetAccess", () => {
  it("declares four accounts, each with a Role and its binding, and two ClusterRoles", async () => {
    const { FleetAccess, cluster, device } = await fleet({ kind: "external" });
    device("b");
    device("a");
    new FleetAccess("access", { cluster });
    await settled();
    for (const kind of ["ServiceAccount", "Role", "RoleBinding"]) expect(names(kind), kind).toEqual(FOUR);
    expect(names("ClusterRole")).toEqual(["edgeflock-clusters-gh", "edgeflock-dashboard-gh"]);
    expect(names("ClusterRoleBinding")).toEqual(["edgeflock-clusters-gh", "edgeflock-dashboard-gh"]);
    expect(rulesOf("edgeflock-flasher")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ resources: ["secrets"], resourceNames: ["a-device", "b-device"] }),
        expect.objectContaining({ resources: ["configmaps"], resourceNames: ["node-flash"] }),
        expect.objectContaining({ resources: ["configmaps"], resourceNames: ["artifact-0", "artifact-1"] }),
      ]),
    );
  });

  it("refuses a class, a group or a device that comes after it, and a second one", async () => {
    const { FleetAccess, DeviceClass, DeviceGroup, cluster, device, node } = await fleet({
      kind: "external",
    });
    new FleetAccess("access", { cluster });
    const late = /is declared after FleetAccess "access"[\s\S]*after all classes, groups and devices/;
    expect(() => device("a")).toThrow(late);
    expect(() => new DeviceGroup("late", { cluster, selector: {} })).toThrow(late);
    expect(() => new DeviceClass("late", { cluster, ...node })).toThrow(late);
    expect(() => new FleetAccess("again", { cluster })).toThrow(/has FleetAccess "access" already/);
    await settled();
  });

  it("leaves the users of an external broker to whoever runs it", async () => {
    const { FleetAccess, cluster, device } = await fleet({ kind: "external" });
    device("a");
    new FleetAccess("access", { cluster });
    await settled();
    expect(registered.filter(({ type }) => type.endsWith(":Broker"))).toEqual([]);
  });

  it("declares a Mosquitto's users as one resource that shows who they are, and keeps the rest secret", async () => {
    const users = { readers: [{ name: "rec", secret: { name: "rec-mqtt" } }] };
    const mqtt = { broker: { kind: "mosquitto", host: "::1", tls: false }, topicRoot: "site", ...users };
    const { FleetAccess, Device, cluster, device } = await fleet({ kind: "mosquitto" }, { mqtt });
    device("a");
    const of = { cluster, deviceClassReference: { name: "node" } };
    new Device("b", { ...of, credentials: { generation: 3 }, formerly: ["old/x"] });
    new FleetAccess("access", { cluster });
    await settled();
    const { passwords, ...shown } = registered.find(({ type }) => type.endsWith(":Broker"))!.inputs;
    expect(shown).toMatchObject({
      url: "mqtt://[::1]:1883",
      topicRoot: "site",
      classes: { node: { commands: true, broadcasts: true } },
      devices: {
        a: { class: "node", groups: ["north"] },
        b: { class: "node", groups: ["north"], generation: 3, oldest: 2, original: "old/x" },
      },
      readers: {
        rec: {
          namespace: "gh",
          name: "rec-mqtt",
          keys: {
            url: "MQTT_URL",
            username: "MQTT_USERNAME",
            password: "MQTT_PASSWORD",
            topic: "MQTT_TOPIC",
          },
        },
      },
    });
    const rootKey = Buffer.alloc(32, 1).toString("base64");
    expect(JSON.stringify(shown)).not.toContain(rootKey);
    expect((passwords as Record<string, unknown>)[pulumi.runtime.specialSigKey]).toBe(
      pulumi.runtime.specialSecretSig,
    );
  });
});
