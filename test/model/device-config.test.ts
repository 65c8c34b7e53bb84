import { describe, expect, it } from "vitest";
import { type DeviceConfigInput, fillDeviceConfig, planDeviceConfig } from "../../model/device-config.ts";
import { type ResolvedSetting, resolveSettings } from "../../model/resolve.ts";

const KEY = new Uint8Array(32).fill(7);

function settings(): ResolvedSetting<string>[] {
  return resolveSettings<string>({
    cluster: { kind: "DevicesCluster", name: "site", settings: { "telemetry.interval": 60 }, secrets: {} },
    class: { kind: "DeviceClass", name: "node", settings: { location: "nowhere" }, secrets: {} },
    groups: [
      {
        kind: "DeviceGroup",
        name: "north",
        priority: 10,
        settings: { "wifi.ssid": "n" },
        secrets: { "wifi.password": "S" },
      },
    ],
    device: {
      kind: "Device",
      name: "fern-01",
      settings: { "a.big": "18446744073709551615" },
      secrets: {},
      mapping: [{ setting: "a.big", type: "u64" }],
    },
  }).settings;
}

function input(more: Partial<DeviceConfigInput<string>> = {}): DeviceConfigInput<string> {
  return {
    device: "fern-01",
    className: "node",
    cluster: { name: "site", mqtt: { broker: { host: "mqtt.example" } } },
    topic: "greenhouse/fern-01",
    subscriptions: ["greenhouse/fern-01/command/#", "greenhouse/_all/#"],
    username: "fern-01",
    generation: 1,
    settings: settings(),
    ...more,
  };
}

describe("a device's configuration", () => {
  it("holds the keys that every firmware relies on, then the settings by namespace and key", () => {
    expect(
      planDeviceConfig(input()).entries.map((entry) => `${entry.namespace}/${entry.key} ${entry.type}`),
    ).toEqual([
      "edgeflock/device string",
      "edgeflock/class string",
      "edgeflock/config string",
      "edgeflock/gen u32",
      "mqtt/host string",
      "mqtt/port u16",
      "mqtt/tls u8",
      "mqtt/username string",
      "mqtt/password string",
      "mqtt/topic string",
      "mqtt/subscribe string",
      "a/big u64",
      "telemetry/interval i32",
      "wifi/password string",
      "wifi/ssid string",
    ]);
  });

  it("does not depend on the order of the settings", () => {
    const backwards = input({ settings: settings().reverse() });
    expect(planDeviceConfig(backwards)).toEqual(planDeviceConfig(input()));
  });

  it("has the CA where the cluster has one, and port 1883 only where TLS is off", () => {
    const planned = (broker: object, ca?: string) =>
      planDeviceConfig(input({ cluster: { name: "site", mqtt: { broker: { host: "h", ...broker }, ca } } }))
        .entries;
    const value = (key: string, entries: ReturnType<typeof planned>) =>
      entries.find((entry) => entry.key === key);
    expect(value("ca", planned({}))).toBeUndefined();
    expect(value("ca", planned({}, "PEM"))).toMatchObject({ namespace: "mqtt", value: "PEM" });
    expect(value("port", planned({}))).toMatchObject({ value: 8883 });
    expect(value("port", planned({ tls: false }))).toMatchObject({ value: 1883 });
    expect(value("port", planned({ port: 1234 }))).toMatchObject({ value: 1234 });
  });

  it("says where each value comes from, and holds no secret", () => {
    const { entries } = planDeviceConfig(input());
    expect(entries.find((entry) => entry.key === "ssid")!.from).toBe(
      '"wifi.ssid" of DeviceGroup north, priority 10',
    );
    expect(entries.find((entry) => entry.namespace === "wifi" && entry.key === "password")).toMatchObject({
      secret: true,
      ref: "wifi.password",
    });
    expect(entries.find((entry) => entry.namespace === "mqtt" && entry.key === "password")).toMatchObject({
      secret: true,
      ref: "mqtt.password",
    });
  });

  it("refuses settings that would overwrite its own keys or each other, and names that are too long", () => {
    const setting = (key: string, namespace: string, nvsKey: string): ResolvedSetting<string> => ({
      key,
      from: { kind: "Device", name: "fern-01" },
      overrides: [],
      target: { namespace, key: nvsKey, type: "string" },
      secret: false,
      value: "x",
    });
    const plan = (...list: ResolvedSetting<string>[]) => planDeviceConfig(input({ settings: list }));
    expect(() => plan(setting("x", "mqtt", "password"))).toThrow(/NVS key mqtt\/password is written twice/);
    expect(() => plan(setting("x", "a", "b"), setting("y", "a", "b"))).toThrow(
      /a\/b is written twice: by "x".*by "y"/,
    );
    expect(() => plan(setting("x", "a", "k".repeat(16)))).toThrow(/1 to 15 characters/);
    expect(() => plan(setting("mqtt.password", "a", "b"))).toThrow(/Edgeflock's own/);
  });
});

describe("filling in the secrets", () => {
  const secrets = { "mqtt.password": "p", "wifi.password": "w" };

  it("gives typed values in the plan's order, with the digest among them", () => {
    const plan = planDeviceConfig(input());
    const { entries, digest } = fillDeviceConfig(plan, secrets, KEY);
    expect(entries.map(({ namespace, key }) => `${namespace}/${key}`)).toEqual(
      plan.entries.map(({ namespace, key }) => `${namespace}/${key}`),
    );
    const values = Object.fromEntries(
      entries.map(({ namespace, key, value }) => [`${namespace}/${key}`, value]),
    );
    expect(values).toMatchObject({
      "wifi/password": "w",
      "mqtt/port": 8883,
      "a/big": 2n ** 64n - 1n,
      "edgeflock/config": digest,
    });
    expect(digest).toMatch(/^[0-9a-f]{16}$/);
  });

  it("gives a digest that changes with any value, with a secret one and with the key", () => {
    const plan = planDeviceConfig(input());
    const digests = [
      fillDeviceConfig(plan, secrets, KEY),
      fillDeviceConfig(plan, { ...secrets, "wifi.password": "W" }, KEY),
      fillDeviceConfig(plan, secrets, new Uint8Array(32)),
      fillDeviceConfig(planDeviceConfig(input({ generation: 2 })), secrets, KEY),
    ].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(4);
    expect(fillDeviceConfig(plan, secrets, KEY).digest).toBe(digests[0]);
  });

  it("refuses a secret that is missing or does not fit, by its name and never its value", () => {
    const plan = planDeviceConfig(input());
    expect(() => fillDeviceConfig(plan, { "mqtt.password": "p" }, KEY)).toThrow(
      /secret "wifi.password".*has no value/,
    );
    const wrong = () => fillDeviceConfig(plan, { ...secrets, "wifi.password": "hunter2\0" }, KEY);
    expect(wrong).toThrow(
      /NVS key wifi\/password \("wifi.password" of DeviceGroup north, priority 10\): expected text without NUL/,
    );
    expect(wrong).not.toThrow(/hunter2/);
  });

  it("is not taken in by names of JavaScript", () => {
    const plan = planDeviceConfig(input());
    expect(() => fillDeviceConfig(plan, Object.create(secrets) as Record<string, string>, KEY)).toThrow(
      /has no value/,
    );
  });
});
