import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeNvs } from "../../builders/nvs/decode.ts";
import { MBEDTLS } from "../../toolchain/versions.ts";
import { device, twoHalls } from "./manifests.ts";
import { TestProject } from "./test-project.ts";

// The life of a fleet, told in order: each test goes on where the one before it ended.
describe("a fleet", () => {
  let project: TestProject;
  let namespace: string;
  const devices = (steps: { op: string; urn: string }[]) =>
    steps
      .filter(({ urn }) => urn.includes("dynamic/edgeflock:Device::"))
      .map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`)
      .sort();
  const settings = async (name: string) => {
    const secret = await project.secret(namespace, `${name}-device`);
    const entries = decodeNvs(secret!["config.bin"]!).entries;
    return Object.fromEntries(entries.map((entry) => [`${entry.namespace}.${entry.key}`, entry.value]));
  };
  const credentials = async () => {
    const names = ["a", "b", "c"];
    const secrets = await Promise.all(names.map((name) => project.secret(namespace, `${name}-device`)));
    return secrets.map((secret) => secret?.MQTT_PASSWORD?.toString());
  };

  beforeAll(async () => {
    project = await TestProject.create();
    namespace = project.id;
    project.variables.NORTH_WIFI_PASSWORD = "north-password-1";
    await project.manifests(twoHalls(namespace));
  });
  afterAll(() => project?.[Symbol.asyncDispose]());

  it("comes up with a Secret a device: credentials, and an image with the settings of its layers", async () => {
    const changes = await project.up();
    expect(Object.keys(changes)).toEqual(["create"]);
    const secret = (await project.secret(namespace, "a-device"))!;
    expect(Object.keys(secret)).toEqual(
      expect.arrayContaining([
        "MQTT_USERNAME",
        "MQTT_PASSWORD",
        "MQTT_HOST",
        "MQTT_PORT",
        "MQTT_TOPIC",
        "config.bin",
      ]),
    );
    expect(secret.MQTT_USERNAME?.toString()).toBe("a");
    expect(secret.MQTT_TOPIC?.toString()).toBe("site/a");
    expect(await settings("a")).toMatchObject({
      "edgeflock.device": "a",
      "edgeflock.class": "node",
      "edgeflock.gen": 1,
      "mqtt.host": "mqtt.example",
      "mqtt.port": 8883,
      "mqtt.password": secret.MQTT_PASSWORD?.toString(),
      "wifi.ssid": "hall-north",
      "wifi.password": "north-password-1",
      "telemetry.interval": 60,
      "place.name": "bench a",
    });
    expect(await settings("c")).toMatchObject({ "wifi.ssid": "hall-south", "place.name": "bench c" });
    expect(new Set(await credentials()).size).toBe(3);
  });

  it("gives back one flash script a class, the same as in its ConfigMap", async () => {
    const scripts = await project.output<Record<string, string>>("flashScripts");
    expect(Object.keys(scripts)).toEqual(["node"]);
    const address = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name: "node-flash" } };
    const configMap = await project.api.get<{ data: Record<string, string> }>(address);
    expect(configMap.data["flash.sh"]).toBe(scripts.node);
  });

  it("knows which devices run a library that the builder linked in", async () => {
    const which = await project.edgeflock("which", "-n", namespace, "--component", "mbedtls", "--json");
    const [found] = JSON.parse(which.stdout);
    expect(found.components).toMatchObject([{ name: "mbedtls", version: MBEDTLS }]);
    expect(found.devices.map((one: { device: string }) => one.device)).toEqual(["a", "b", "c"]);
  });

  it("does not change when nothing changed", async () => {
    expect(await project.preview()).toEqual([]);
    expect(await project.up()).toEqual({});
  });

  it("previews a changed password for exactly the devices it reaches, and names key and layer, never the value", async () => {
    project.variables.NORTH_WIFI_PASSWORD = "north-password-2";
    const steps = await project.preview();
    expect(devices(steps)).toEqual([`update ${namespace}/a`, `update ${namespace}/b`]);
    expect(steps.some(({ urn }) => urn.includes("Firmware"))).toBe(false);
    const { stdout } = await project.previewRaw("--diff");
    expect(stdout).toMatch(
      /~ wifi\.password\s*: "secret \w+ from DeviceGroup north, priority 0 .*" => "secret \w+ from DeviceGroup north/,
    );
    expect(stdout).not.toContain("north-password");
    const before = await credentials();
    await project.up();
    expect(await settings("a")).toMatchObject({ "wifi.password": "north-password-2" });
    expect(await credentials()).toEqual(before);
  });

  it("tells on the Secret which keys changed, where no custom resource stands for the device", async () => {
    const kind = { apiVersion: "events.k8s.io/v1", kind: "Event", namespace };
    const events = await project.api.list<{
      regarding: { kind: string; name: string };
      reason: string;
      note: string;
    }>(kind);
    const told = events.filter(({ regarding }) => regarding.kind === "Secret");
    expect(told.map(({ regarding, reason }) => `${regarding.name} ${reason}`).sort()).toEqual([
      "a-device ConfigChanged",
      "b-device ConfigChanged",
    ]);
    expect(told[0]!.note).toMatch(/^wifi\/password; now sha256:/);
  });

  it("moves a device to another group with its labels", async () => {
    await project.manifests(twoHalls(namespace, { halls: { a: "north", b: "south", c: "south" } }));
    expect(devices(await project.preview())).toEqual([`update ${namespace}/b`]);
    await project.up();
    expect((await settings("b"))["wifi.password"]).toBe((await settings("c"))["wifi.password"]);
  });

  it("finds what somebody changed by hand, names key and writer, restores it and leaves foreign keys alone", async () => {
    const patch = JSON.stringify({ stringData: { MQTT_PASSWORD: "changed-by-hand", note: "theirs" } });
    const patched = await project.kubectl(
      "-n",
      namespace,
      "patch",
      "secret",
      "a-device",
      "-p",
      patch,
      "--field-manager=somebody",
    );
    expect(patched.exitCode).toBe(0);
    const before = await credentials();
    const refreshed = await project.mustPulumi("refresh", "--yes", "--skip-preview", "--diff");
    expect(refreshed.stdout).toMatch(/drift\s*: "MQTT_PASSWORD by somebody"/);
    expect(devices(await project.preview())).toEqual([`update ${namespace}/a`]);
    await project.up();
    const secret = (await project.secret(namespace, "a-device"))!;
    expect(secret.MQTT_PASSWORD?.toString()).not.toBe(before[0]);
    expect(secret.note?.toString()).toBe("theirs");
    expect(await project.preview()).toEqual([]);
  });

  it("restores a Secret that somebody deleted, with the same credentials", async () => {
    const before = await credentials();
    await project.kubectl("-n", namespace, "delete", "secret", "c-device");
    await project.mustPulumi("refresh", "--yes", "--skip-preview");
    await project.up();
    expect(await credentials()).toEqual(before);
  });

  it("deletes a device's Secret and its board's Lease, and nothing else, with the device", async () => {
    const lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { namespace, name: "b-board" },
      spec: {},
    };
    await project.api.create(lease);
    await project.manifests(twoHalls(namespace, { halls: { a: "north", c: "south" } }));
    expect(devices(await project.preview())).toEqual([`delete ${namespace}/b`]);
    await project.up();
    expect(await project.secret(namespace, "b-device")).toBeUndefined();
    expect(await project.api.getOrUndefined(lease)).toBeUndefined();
    expect(await project.secret(namespace, "a-device")).toBeDefined();
  });

  it("moves nothing when a manifest moves to another file", async () => {
    const [site, ...rest] = twoHalls(namespace, { halls: { a: "north" } });
    await project.manifests([site!, ...rest]);
    await project.manifests([device("c", "south", { data: { "place.name": "bench c" } })], "zz-more.yaml");
    expect(await project.preview()).toEqual([]);
  });

  it("keeps no secret value in plain: not in the state, the outputs, or ConfigMaps", async () => {
    const secrets = await project.kubectl("-n", namespace, "get", "secrets", "-o", "json");
    const values = (JSON.parse(secrets.stdout) as { items: { data?: Record<string, string> }[] }).items
      .flatMap(({ data }) => Object.entries(data ?? {}))
      .filter(([key]) => /PASSWORD|password/.test(key))
      .map(([, value]) => Buffer.from(value, "base64").toString());
    expect(values.length).toBeGreaterThan(3);
    const configMaps = (await project.kubectl("-n", namespace, "get", "configmaps", "-o", "json")).stdout;
    const outputs = (await project.mustPulumi("stack", "output", "--json")).stdout;
    for (const text of [await project.state(), outputs, configMaps]) {
      for (const value of values) {
        expect(text.includes(value)).toBe(false);
        expect(text.includes(Buffer.from(value).toString("base64"))).toBe(false);
      }
    }
  });

  it("protects its root key from a plain destroy", async () => {
    const destroyed = await project.pulumi("destroy", "--yes", "--skip-preview");
    expect(destroyed.exitCode).not.toBe(0);
    expect(`${destroyed.stdout}${destroyed.stderr}`).toContain("edgeflock-root-key");
  });
});
