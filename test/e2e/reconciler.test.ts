import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filesFromCluster } from "../../toolchain/embedded-broker/files-from-cluster.ts";
import { cluster, device, group, twoHalls } from "./manifests.ts";
import { ReconciledFleet } from "./reconciled-fleet.ts";

// A fleet whose kinds are objects in the cluster, told in order: each test goes on where the one before it ended.
describe("a fleet that is declared in the cluster", () => {
  let fleet: ReconciledFleet;
  let reconciler: ReturnType<ReconciledFleet["reconciler"]>;

  beforeAll(async () => {
    fleet = await ReconciledFleet.create();
    fleet.project.variables.NORTH_WIFI_PASSWORD = "north-password";
    fleet.project.variables.BARN_PASSWORD = "";
    reconciler = fleet.reconciler();
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  /** When each device's Secret was written last. */
  async function secretVersions(): Promise<Record<string, string | undefined>> {
    const list = await fleet.api.list({ apiVersion: "v1", kind: "Secret", namespace: fleet.namespace });
    return Object.fromEntries(
      list
        .filter(({ metadata }) => metadata.name.endsWith("-device"))
        .map(({ metadata }) => [metadata.name, metadata.resourceVersion]),
    );
  }

  async function brokerUsers(): Promise<string[]> {
    const { passwordfile } = await filesFromCluster(fleet.api, fleet.namespace);
    return passwordfile.split("\n").flatMap((line) => line.split(":")[0] || []);
  }

  it("becomes ready by itself", async () => {
    const mqtt = { broker: { kind: "mosquitto", host: "mqtt.example" }, topicRoot: "site" };
    const [, ...members] = twoHalls(fleet.namespace);
    await fleet.apply(cluster(fleet.namespace, { mqtt }), ...members);
    for (const name of ["a", "b", "c"]) await fleet.ready("Device", name);
    await fleet.ready("DeviceClass", "node");
    await fleet.ready("DeviceGroup", "north");
    await fleet.ready("DevicesCluster", fleet.namespace);
    expect(Object.keys((await fleet.project.secret(fleet.namespace, "a-device"))!)).toContain("config.bin");
    expect(await brokerUsers()).toEqual(expect.arrayContaining(["a", "b", "c"]));
    const { status } = await fleet.object("Device", "a");
    expect(status?.conditions?.map(({ type, status }) => `${type} ${status}`)).toEqual([
      "Validated True",
      "FirmwareBuilt True",
      "ConfigBuilt True",
      "CredentialsIssued True",
      "Ready True",
    ]);
  });

  it("has nothing left to do: its own writes start no update", async () => {
    const before = await fleet.updates();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await fleet.updates()).toBe(before);
  });

  it("takes one update for one edit of a group, which changes exactly its devices", async () => {
    const [before, updates] = [await secretVersions(), await fleet.updates()];
    const change = { spec: { settings: { "wifi.ssid": "hall-north-2" } } };
    await fleet.kubectl("patch", "devicegroup", "north", "--type=merge", "-p", JSON.stringify(change));
    await fleet.ready("DeviceGroup", "north");
    const after = await secretVersions();
    const changed = Object.keys(after).filter((name) => after[name] !== before[name]);
    expect(changed.sort()).toEqual(["a-device", "b-device"]);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await fleet.updates()).toBe(updates + 1);
  });

  it("tells the story of a device and a class where people look", async () => {
    const device = await fleet.kubectl("describe", "device", "a");
    expect(device).toMatch(
      /ConfigBuilt .*edgeflock\.io\/update +Configuration sha256:\w+, credentials of generation 1/,
    );
    expect(device).toMatch(/ConfigChanged .*wifi\/ssid; now sha256:/);
    expect(device).not.toContain("hall-north-2");
    const deviceClass = await fleet.kubectl("describe", "deviceclasses.edgeflock.io", "node");
    expect(deviceClass).toMatch(/Firmware(Built|Cached) .*sha256:\w+/);
  });

  it("gives a device new credentials, and says so", async () => {
    const change = { spec: { credentials: { generation: 2 } } };
    await fleet.kubectl("patch", "device", "c", "--type=merge", "-p", JSON.stringify(change));
    await fleet.ready("Device", "c");
    expect(await fleet.kubectl("describe", "device", "c")).toMatch(/CredentialsRotated .*Generation 1 → 2/);
  });

  it("moves a device to another group with its label, which is no change of its generation", async () => {
    const [before, updates] = [await secretVersions(), await fleet.updates()];
    await fleet.kubectl("label", "device", "b", "hall=south", "--overwrite");
    await fleet.until("it is updated", async () => (await fleet.updates()) > updates);
    expect((await secretVersions())["b-device"]).not.toBe(before["b-device"]);
    expect((await secretVersions())["a-device"]).toBe(before["a-device"]);
  });

  it("refuses what is wrong at the object, and leaves everything else as it is", async () => {
    const [before, updates] = [await secretVersions(), await fleet.updates()];
    await fleet.apply(device("d", "north", {}, "nodes"), device("e", "north"));
    await fleet.until("d is refused", async () => {
      return (await fleet.condition("Device", "d", "Validated")) === "False Refused";
    });
    const { status } = await fleet.object("Device", "d");
    expect(status?.conditions?.[0]?.message).toBe(
      'spec.deviceClassReference.name: there is no DeviceClass "nodes"; did you mean "node"?',
    );
    expect(await fleet.condition("Device", "e", "Ready")).toBe("Unknown Waiting");
    await fleet.until("the refusal is told", async () =>
      /Warning +Refused .*there is no DeviceClass/.test(await fleet.kubectl("describe", "device", "d")),
    );
    expect(await fleet.condition("DevicesCluster", fleet.namespace, "Ready")).toBe("False MemberRefused");
    expect(await fleet.condition("Device", "a", "Ready")).toBe("True Done");
    expect(await secretVersions()).toEqual(before);
    expect(await fleet.updates()).toBe(updates);
    await fleet.kubectl("delete", "device", "d");
    await fleet.ready("Device", "e");
    await fleet.ready("DevicesCluster", fleet.namespace);
  });

  it("refuses two DevicesClusters of one namespace, at both, and changes nothing", async () => {
    const [before, updates] = [await secretVersions(), await fleet.updates()];
    const { namespace } = fleet;
    await fleet.apply({ ...cluster(namespace), metadata: { name: "another" } });
    for (const [name, other] of [
      [namespace, "another"],
      ["another", namespace],
    ] as const) {
      await fleet.until(`${name} is refused`, async () => {
        return (await fleet.condition("DevicesCluster", name, "Validated")) === "False Refused";
      });
      const { status } = await fleet.object("DevicesCluster", name);
      expect(status?.conditions?.[0]?.message).toBe(
        `spec.namespace: DevicesCluster ${other} has this namespace already; each DevicesCluster needs its own`,
      );
      expect(await fleet.condition("DevicesCluster", name, "Ready")).toBe("False Refused");
    }
    expect(await fleet.condition("Device", "a", "Ready")).toBe("True Done");
    expect(await secretVersions()).toEqual(before);
    expect(await fleet.updates()).toBe(updates);
    await fleet.kubectl("delete", "devicescluster", "another");
    await fleet.ready("DevicesCluster", namespace);
    expect(await secretVersions()).toEqual(before);
  });

  it("says at the object that a secret of it has no value", async () => {
    await fleet.apply(group("barn", "barn", { secrets: { "wifi.password": { fromEnv: "BARN_PASSWORD" } } }));
    await fleet.until("the group is refused", async () => {
      return (await fleet.condition("DeviceGroup", "barn", "Validated")) === "False Refused";
    });
    const { status } = await fleet.object("DeviceGroup", "barn");
    expect(status?.conditions?.[0]?.message).toContain("the environment variable BARN_PASSWORD");
    // It is tried again, and what was said before is counted on.
    await fleet.until("the same refusal is a series", async () => {
      const events = JSON.parse(await fleet.kubectl("get", "events.events.k8s.io", "-o", "json")) as {
        items: { regarding: { name: string }; reason: string; series?: { count: number } }[];
      };
      const refusals = events.items.filter(
        ({ regarding, reason }) => regarding.name === "barn" && reason === "Refused",
      );
      return refusals.length === 1 && refusals[0]!.series?.count === 2;
    });
    await fleet.kubectl("delete", "devicegroup", "barn");
    await fleet.ready("DevicesCluster", fleet.namespace);
  });

  it("is not stopped by a stranger's object in a namespace of no fleet", async () => {
    const { metadata, ...rest } = device("stray", "north", {}, "none");
    const stray = { ...rest, metadata: { ...metadata, namespace: "default" } };
    await fleet.api.apply(stray as never, { fieldManager: "test" });
    const change = { spec: { data: { "place.name": "beside a stranger" } } };
    await fleet.kubectl("patch", "device", "c", "--type=merge", "-p", JSON.stringify(change));
    await fleet.ready("Device", "c");
    await fleet.ready("DevicesCluster", fleet.namespace);
    // it has no right to write there, and goes on
    await fleet.until("that is said", async () =>
      /refuses the status of Device default\/stray: .*forbidden/.test(reconciler.said),
    );
    await fleet.kubectl("-n", "default", "delete", "device", "stray");
  });

  it("removes a device that is deleted from the cluster and from the broker's users", async () => {
    await fleet.kubectl("delete", "device", "e");
    await fleet.until("its Secret is gone", async () => {
      return (await fleet.project.secret(fleet.namespace, "e-device")) === undefined;
    });
    await fleet.until("its user is gone", async () => !(await brokerUsers()).includes("e"));
    expect(await brokerUsers()).toContain("a");
  });

  it("is not deployed with what cannot work: all that is wrong is said at once", async () => {
    const { exitCode, stderr } = await fleet.project.edgeflock(
      ...[
        "reconcile",
        "deployment",
        "--stack",
        "test",
        "--fleet",
        "Bad",
        "--backend",
        "s3://x",
        "--image",
        "x:latest",
      ],
    );
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/--fleet "Bad" must be a DNS label/);
    expect(stderr).toMatch(/--image: expected NAME@sha256/);
    expect(stderr).toMatch(/has edgeflock:kubeconfig, a file that the Pod does not have/);
  });

  it("serves its metrics and its health", async () => {
    const url = await reconciler.url();
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toMatch(/^edgeflock_updates_total\{operation="update",result="well"\} [1-9]/m);
    expect(text).toMatch(/^edgeflock_builds_total\{builder="native",result="(built|cached)"\} 1$/m);
    expect(text).toMatch(/^edgeflock_config_builds_total\{builder="nvs",result="built"\} [3-9]/m);
    expect(text).toMatch(/^edgeflock_device_events_total\{reason="ConfigChanged"\} [1-9]/m);
    expect(text).toMatch(/^edgeflock_objects\{kind="Device",ready="True"\} 3$/m);
    expect(text).toMatch(/^edgeflock_leader 1$/m);
    for (const path of ["healthz", "readyz"]) expect((await fetch(`${url}/${path}`)).status).toBe(200);
    expect((await fetch(`${url}/else`)).status).toBe(404);
  });

  it("ends in order when it is told to", async () => {
    expect(await reconciler.end("SIGTERM")).toBe(0);
  });
});
