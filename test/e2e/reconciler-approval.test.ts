import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { APPROVE_ANNOTATION } from "../../cli/reconcile/observed-objects.ts";
import { cluster, group, twoHalls } from "./manifests.ts";
import { ReconciledFleet } from "./reconciled-fleet.ts";

// What keeps a reconciler from updating: a person who has not approved it yet, a policy that forbids it. Told in order.
describe("a reconciler that may not update whatever it likes", () => {
  let fleet: ReconciledFleet;
  let reconciler: ReturnType<ReconciledFleet["reconciler"]>;

  beforeAll(async () => {
    fleet = await ReconciledFleet.create();
    await fleet.kubectl("create", "secret", "generic", "outside", "--from-literal=wifi=first-password");
    const [, ...members] = twoHalls(fleet.namespace);
    const password = { fromSecret: { name: "outside", key: "wifi" } };
    const north = group("north", "north", {
      ...{ settings: { "wifi.ssid": "hall-north" }, secrets: { "wifi.password": password } },
    });
    const others = members.filter(({ metadata }) => metadata.name !== "north");
    await fleet.apply(cluster(fleet.namespace), ...others, north);
    reconciler = fleet.reconciler();
    for (const name of ["a", "b", "c"]) await fleet.ready("Device", name);
    await fleet.ready("DevicesCluster", fleet.namespace);
    await reconciler.end("SIGTERM");
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  const status = async () => (await fleet.object("DevicesCluster", fleet.namespace)).status;
  const preview = async () => (await status())?.preview;

  async function approve(id: string): Promise<void> {
    await fleet.kubectl(
      ...["annotate", "devicescluster", fleet.namespace, `${APPROVE_ANNOTATION}=${id}`, "--overwrite"],
    );
  }

  const rounds = () => reconciler.said.split("preview ended").length - 1;
  async function rest(count: number): Promise<void> {
    const before = rounds();
    await fleet.until(`${count} more previews`, async () => rounds() >= before + count);
  }

  let first: string;

  it("waits for a person's approval in dry-run mode, and then does what was previewed", async () => {
    const updates = await fleet.updates();
    const before = await fleet.project.secret(fleet.namespace, "a-device");
    reconciler = fleet.reconciler("--dry-run", "--resync", "3");
    const change = { spec: { data: { "place.name": "bench 9" } } };
    await fleet.kubectl("patch", "device", "a", "--type=merge", "-p", JSON.stringify(change));
    await fleet.until("the preview is there", async () => {
      return (await fleet.condition("Device", "a", "Ready")) === "Unknown AwaitingApproval";
    });
    const waiting = await preview();
    expect(waiting?.changes).toEqual([`update Device ${fleet.namespace}/a: place.name`]);
    await rest(1);
    expect(await fleet.updates()).toBe(updates);
    expect(await fleet.project.secret(fleet.namespace, "a-device")).toEqual(before);
    first = waiting!.id;
    await approve(first);
    await fleet.ready("Device", "a");
    expect(await fleet.updates()).toBe(updates + 1);
    expect(await fleet.project.secret(fleet.namespace, "a-device")).not.toEqual(before);
    await fleet.until("the preview is gone", async () => (await preview()) === undefined);
    expect((await status())?.approved).toBe(first);
  });

  it("does not take an approval for what changed since, though no object did", async () => {
    const updates = await fleet.updates();
    const setPassword = (text: string) =>
      fleet.kubectl("patch", "secret", "outside", "-p", JSON.stringify({ stringData: { wifi: text } }));
    await setPassword("second-password");
    await fleet.until("the preview is there", async () => (await preview()) !== undefined);
    const second = (await preview())!;
    expect(second.id).not.toBe(first);
    expect(second.changes).toContain(`update Device ${fleet.namespace}/b: wifi.password`);
    await setPassword("third-password");
    await fleet.until(
      "another value needs another approval",
      async () => (await preview())?.id !== second.id,
    );
    await approve(second.id);
    await rest(2);
    expect(await fleet.updates()).toBe(updates);
    await approve((await preview())!.id);
    await fleet.until("it is done", async () => (await preview()) === undefined);
    expect(await fleet.updates()).toBe(updates + 1);
    await reconciler.end("SIGTERM");
  });

  it("does nothing that a policy forbids, and says so where people look", async () => {
    const updates = await fleet.updates();
    const policies = (devices: number) =>
      fleet.project.write(
        "policies.yaml",
        `max-changed-devices: { enforcementLevel: mandatory, devices: ${devices} }\ntls-required: disabled\n`,
      );
    await policies(1);
    await fleet.project.mustPulumi("config", "set", "edgeflock:policies", "policies.yaml");
    reconciler = fleet.reconciler();
    const setSsid = (ssid: string) =>
      fleet.kubectl(
        ...["patch", "devicegroup", "north", "--type=merge"],
        ...["-p", JSON.stringify({ spec: { settings: { "wifi.ssid": ssid } } })],
      );
    await setSsid("hall-north-2");
    await fleet.until("the update is forbidden", async () => {
      return (await fleet.condition("DevicesCluster", fleet.namespace, "Ready")) === "False PolicyViolated";
    });
    const message = (await status())?.conditions?.find(({ type }) => type === "Ready")?.message;
    expect(message).toContain("max-changed-devices: ");
    expect(message).toContain("2 devices would change, 1 may at once: ");
    expect(await fleet.condition("DeviceGroup", "north", "Ready")).toBe("Unknown Waiting");
    await fleet.until("an Event tells it", async () =>
      /PolicyViolated/.test(await fleet.kubectl("get", "events.events.k8s.io", "-n", "default")),
    );
    await sleep(3_000);
    expect(await fleet.updates()).toBe(updates);
    await policies(2);
    await setSsid("hall-north-3");
    await fleet.ready("DeviceGroup", "north");
    await fleet.ready("DevicesCluster", fleet.namespace);
    expect(await fleet.updates()).toBe(updates + 1);
    expect(await reconciler.end("SIGTERM")).toBe(0);
  });
});
