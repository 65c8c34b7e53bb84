import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type ApiServer, startApiServer } from "./support/api-server.ts";

// FleetAccess as a program sees it, without an engine: Pulumi's own mocks record what is registered.
interface Registered {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
}

let registered: Registered[];
let apiServer: ApiServer;
const UID = "5498d17d-e9f1-49fa-ae5f-47e3bdecb771";
const PARTS = ["artifact-1", "artifact-0"];

beforeAll(async () => {
  apiServer = await startApiServer();
  vi.stubEnv("KUBECONFIG", apiServer.kubeconfig);
});
afterAll(() => apiServer.close());

beforeEach(async () => {
  vi.resetModules();
  registered = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        registered.push({ type, name, inputs });
        const artifact = {
          chip: "esp32",
          digest: `sha256:${"0".repeat(64)}`,
          size: 1,
          version: "1",
          files: [{ offset: 0x10000, path: "app.bin", sha256: "0".repeat(64), size: 1 }],
          config: { label: "cfg", offset: 0x9000, size: 0x6000 },
          flashSize: "4MB",
          store: { kind: "cluster", namespace: "gh", parts: PARTS },
        };
        if (type.endsWith(":Firmware")) return { id: name, state: { ...inputs, reference: artifact } };
        const root = { result: "K".repeat(43) };
        const outputs = type === "random:index/randomPassword:RandomPassword" ? root : {};
        return { id: `${name}-id`, state: { ...inputs, ...outputs } };
      },
      call: () => ({}),
    },
    "project",
    "stack",
  );
});

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

async function settled(): Promise<void> {
  await pulumi.runtime.disconnect();
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
