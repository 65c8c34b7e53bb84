import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { type Registered, recordResources, settled, UID } from "./support/recorded-resources.ts";

// The components as a program sees them.
const registered = recordResources(["artifact-0"]);

async function components() {
  return import("../../components/index.ts");
}

const mqtt = { broker: { kind: "external" as const, host: "mqtt.example" }, topicRoot: "site" };
const kubernetes = { context: "test", clusterIdentifier: UID };
const native = { chip: "esp32" as const, firmware: { builder: { name: "native" } } };

function find(type: string, name: string): Registered {
  const found = registered.find((resource) => resource.type === type && resource.name === name);
  if (!found)
    throw new Error(
      `${type} ${name} is not among ${registered.map((r) => `${r.type} ${r.name}`).join(", ")}`,
    );
  return found;
}

const DEVICE = "pulumi-nodejs:dynamic/edgeflock:Device";

describe("the components", () => {
  it("declare a namespace, Secrets, a flash ConfigMap and one dynamic resource a device, under the documented names", async () => {
    const { DevicesCluster, DeviceClass, DeviceGroup, Device } = await components();
    const cluster = new DevicesCluster("greenhouse", { namespace: "gh", mqtt, kubernetes });
    new DeviceClass("node", { cluster, ...native });
    new DeviceGroup("north", {
      cluster,
      selector: { matchLabels: { hall: "north" } },
      settings: { "wifi.ssid": "n" },
    });
    new Device("cam-001", {
      cluster,
      deviceClassReference: { name: "node" },
      metadata: { labels: { hall: "north" } },
    });
    await settled();
    const secretNames = registered
      .filter(({ type }) => type === "kubernetes:core/v1:Secret")
      .map(({ inputs }) => (inputs.metadata as { name: string }).name);
    expect(secretNames.sort()).toEqual([
      "greenhouse-devices-cluster",
      "node-device-class",
      "north-device-group",
    ]);
    expect(find("kubernetes:core/v1:ConfigMap", "node").inputs.metadata).toMatchObject({
      name: "node-flash",
      namespace: "gh",
    });
    const key = find("random:index/randomPassword:RandomPassword", "edgeflock-root-key");
    expect(key.inputs).toEqual({ length: 43, special: false });
    expect(find("pulumi:providers:kubernetes", "greenhouse").inputs).toMatchObject({
      clusterIdentifier: UID,
    });
    expect(find(DEVICE, "cam-001").inputs).toMatchObject({
      device: "cam-001",
      class: "node",
      owner: "project/stack/cam-001",
      clusterUid: UID,
      mqtt: "mqtts://mqtt.example:8883 as cam-001, topic site/cam-001",
      "wifi.ssid": "n from DeviceGroup north, priority 0 → wifi/ssid (string)",
    });
  });

  it("show of a secret setting only a fingerprint, whatever it comes from", async () => {
    const { DevicesCluster, DeviceClass, Device } = await components();
    const secret = pulumi.secret(Promise.resolve("hunter2"));
    const cluster = new DevicesCluster("c", {
      namespace: "gh",
      mqtt,
      kubernetes,
      secrets: { "wifi.password": secret },
    });
    new DeviceClass("node", { cluster, ...native });
    new Device("cam-001", { cluster, deviceClassReference: { name: "node" } });
    await settled();
    const { inputs } = find(DEVICE, "cam-001");
    expect(inputs["wifi.password"]).toMatch(
      /^secret [0-9a-f]{12} from DevicesCluster c → wifi\/password \(string\)$/,
    );
    const { image, ...shown } = inputs;
    expect(JSON.stringify(shown)).not.toContain("hunter2");
    expect(JSON.stringify(image)).toContain("hunter2");
    expect((image as Record<string, unknown>)[pulumi.runtime.specialSigKey]).toBe(
      pulumi.runtime.specialSecretSig,
    );
  });

  it("give a device of a later generation another user and password, and the same topic", async () => {
    const { DevicesCluster, DeviceClass, Device } = await components();
    const cluster = new DevicesCluster("c", { namespace: "gh", mqtt, kubernetes });
    new DeviceClass("node", { cluster, ...native });
    new Device("cam-001", {
      cluster,
      deviceClassReference: { name: "node" },
      credentials: { generation: 2 },
    });
    await settled();
    expect(find(DEVICE, "cam-001").inputs.mqtt).toBe(
      "mqtts://mqtt.example:8883 as cam-001.g2, topic site/cam-001",
    );
  });

  it("refuse a group that comes after the first device, a second device of one name, and an unknown class", async () => {
    const { DevicesCluster, DeviceClass, DeviceGroup, Device } = await components();
    const cluster = new DevicesCluster("c", { namespace: "gh", mqtt, kubernetes });
    new DeviceClass("node", { cluster, ...native });
    expect(() => new Device("a", { cluster, deviceClassReference: { name: "cam" } })).toThrow(
      /"cam", which is not declared before it[\s\S]*node/,
    );
    new Device("a", { cluster, deviceClassReference: { name: "node" } });
    expect(
      () => new Device("b", { cluster, deviceClassReference: { name: "node" }, metadata: { name: "a" } }),
    ).toThrow(/two Devices named "a"/);
    expect(() => new DeviceGroup("late", { cluster, selector: {} })).toThrow(
      /declared after the first Device[\s\S]*before its devices/,
    );
    await settled();
  });

  it("check their arguments by the schema of the manifests, and say all that is wrong at once", async () => {
    const { DevicesCluster, DeviceClass } = await components();
    const cluster = new DevicesCluster("c", { namespace: "gh", mqtt, kubernetes });
    const wrong = { chip: "esp33", firmware: { builder: { name: "native" } }, sensor: [] } as never;
    expect(() => new DeviceClass("Node", { ...(wrong as object), cluster } as never)).toThrow(
      /name: [\s\S]*spec\.chip: [\s\S]*did you mean "sensors"/,
    );
    await settled();
  });

  it("let a class build in a container where it names an image, and refuse to where it names none", async () => {
    const { DevicesCluster, DeviceClass } = await components();
    const cluster = new DevicesCluster("c", { namespace: "gh", mqtt, kubernetes });
    const builder = { name: "command" };
    const container = { image: `sha256:${"a".repeat(64)}` };
    new DeviceClass("boxed", { cluster, chip: "esp32", firmware: { builder, container } });
    new DeviceClass("bare", {
      cluster,
      chip: "esp32",
      firmware: { builder: { ...builder, args: { command: ["true"] } }, container, executor: "process" },
    });
    expect(
      () => new DeviceClass("lost", { cluster, chip: "esp32", firmware: { builder, executor: "container" } }),
    ).toThrow("spec.firmware.container names no image");
    await settled();
    const containers = Object.fromEntries(
      registered
        .filter(({ type }) => type.endsWith(":Firmware"))
        .map(({ name, inputs }) => [
          name,
          (inputs as { firmware: { container?: unknown } }).firmware.container,
        ]),
    );
    expect(containers).toEqual({ boxed: container, bare: undefined });
  });

  it("refuse a conflict of two groups of one priority for one device, naming both", async () => {
    const { DevicesCluster, DeviceClass, DeviceGroup, Device } = await components();
    const cluster = new DevicesCluster("c", { namespace: "gh", mqtt, kubernetes });
    new DeviceClass("node", { cluster, ...native });
    new DeviceGroup("one", { cluster, selector: {}, settings: { "wifi.ssid": "x" } });
    new DeviceGroup("two", { cluster, selector: {}, settings: { "wifi.ssid": "y" } });
    expect(() => new Device("a", { cluster, deviceClassReference: { name: "node" } })).toThrow(
      /(one[\s\S]*two|two[\s\S]*one)/,
    );
    await settled();
  });
});
