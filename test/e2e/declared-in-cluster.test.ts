// The commands that load a stack's fleet, where it is declared by objects in the cluster and the project has no manifests.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BoardLeases } from "../../flash/board-lease.ts";
import { loadConnection } from "../../kubernetes/kubeconfig.ts";
import { roleKubeconfig } from "../../kubernetes/role-kubeconfig.ts";
import { requestToken } from "../../kubernetes/service-account-token.ts";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import { ReconciledFleet } from "./reconciled-fleet.ts";

const MQTT = { broker: { kind: "mosquitto", host: "mqtt.example" }, topicRoot: "site" };
const OTHER = "other-site";

describe("commands about a fleet that is declared in the cluster", () => {
  let fleet: ReconciledFleet;
  const edgeflock = (...args: string[]) => fleet.project.edgeflock(...args);

  beforeAll(async () => {
    fleet = await ReconciledFleet.create();
    await rm(join(fleet.project.folder, "stacks", "test"), { recursive: true });
    await fleet.kubectl(
      ...["create", "secret", "generic", "cam-001"],
      ...["--from-literal=username=anna", "--from-literal=password=by-hand-1"],
    );
    await fleet.apply(
      cluster(fleet.namespace, { mqtt: MQTT }),
      deviceClass("node"),
      group("north", "north", { settings: { "wifi.ssid": "hall-north" } }),
      device("cam-001", "north"),
    );
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  it("adopts what a namespace holds for the devices that are objects in it", async () => {
    const plan = await edgeflock("adopt", fleet.namespace, "--json");
    expect(JSON.parse(plan.stdout)).toMatchObject({
      cluster: fleet.namespace,
      kept: [{ what: "Device cam-001: MQTT user and password (user anna)", from: "Secret cam-001" }],
    });
    expect(await edgeflock("adopt", fleet.namespace, "--yes")).toMatchObject({ exitCode: 0 });
    await fleet.project.up();
    const secret = (await fleet.project.secret(fleet.namespace, "cam-001-device"))!;
    expect([secret.MQTT_USERNAME, secret.MQTT_PASSWORD].map(String)).toEqual(["anna", "by-hand-1"]);
  });

  it("explains a device, and names the object that it is", async () => {
    const { stdout, stderr } = await edgeflock("explain", "cam-001", "--json");
    expect(stderr).toBe("");
    const explanation = JSON.parse(stdout) as { settings: { key: string }[] };
    expect(explanation).toMatchObject({ file: `Device ${fleet.namespace}/cam-001`, class: "node" });
    expect(explanation.settings.find(({ key }) => key === "wifi.ssid")).toMatchObject({
      value: "hall-north",
      from: { text: expect.stringContaining("DeviceGroup north") },
    });
  });

  it("lists the firmware in the store that the DevicesCluster names", async () => {
    const { stdout } = await edgeflock("artifacts", "ls", "--json");
    expect(JSON.parse(stdout)).toMatchObject([{ digest: expect.stringMatching(/^sha256:/), garbage: false }]);
  });

  it("shows in the status what the next update does with the objects as they are now", async () => {
    const states = async () => {
      const { stdout, stderr } = await edgeflock("status", "--json");
      expect(stderr).toBe("");
      const [shown] = JSON.parse(stdout) as { devices: { device: string; state: string }[] }[];
      return Object.fromEntries(shown!.devices.map(({ device, state }) => [device, state]));
    };
    expect(await states()).toEqual({ "cam-001": "no board" });
    await fleet.apply(device("cam-002", "north"));
    expect(await states()).toEqual({ "cam-001": "no board", "cam-002": "not applied" });
  });

  it("says what is wrong with an object as the program does, and only of the clusters that the stack is about", async () => {
    await fleet.kubectl("create", "namespace", OTHER);
    await fleet.apply(cluster(OTHER, { mqtt: MQTT }));
    const stray = { ...device("stray", "north", {}, "nodes") };
    await fleet.project.write(
      "stray.json",
      JSON.stringify({ ...stray, metadata: { ...stray.metadata, namespace: OTHER } }),
    );
    await fleet.kubectl("-n", OTHER, "apply", "-f", join(fleet.project.folder, "stray.json"));
    const problem = `Device ${OTHER}/stray spec.deviceClassReference.name: there is no DeviceClass "nodes"`;
    const program = await fleet.project.previewRaw();
    expect(program.stdout + program.stderr).toContain(problem);
    for (const args of [
      ["explain", "cam-001"],
      ["status"],
      ["artifacts", "ls"],
      ["adopt", fleet.namespace],
    ]) {
      const { exitCode, stdout, stderr } = await edgeflock(...args);
      expect([args[0], exitCode, stdout]).toEqual([args[0], 1, ""]);
      expect(stderr).toContain(problem);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
    await fleet.project.mustPulumi("config", "set", "edgeflock:clusters", fleet.namespace);
    expect(await edgeflock("explain", "cam-001")).toMatchObject({ exitCode: 0, stderr: "" });
    const { stdout } = await edgeflock("status", "--json");
    expect(JSON.parse(stdout)).toMatchObject([{ namespace: fleet.namespace }]);
    expect((await edgeflock("explain", "stray")).stderr).toContain("no such device");
  });

  it("needs no more than the rights of a role of the fleet, where its cluster is named", async () => {
    const as = async (role: string) => {
      const account = { namespace: fleet.namespace, name: `edgeflock-${role}` };
      const { token } = await requestToken(fleet.api, account, 3600);
      const connection = await loadConnection({ kubeconfig: fleet.project.kubeconfig });
      const file = join(fleet.project.folder, `${role}.kubeconfig`);
      const text = roleKubeconfig(connection, {
        namespace: fleet.namespace,
        account: account.name,
        user: { token },
      });
      await writeFile(file, text, { mode: 0o600 });
      return edgeflock("status", "--json", "--kubeconfig", file);
    };
    const dashboard = await as("dashboard");
    expect([dashboard.exitCode, dashboard.stderr]).toEqual([0, ""]);
    expect(JSON.parse(dashboard.stdout)).toMatchObject([{ manifests: true }]);
    const place = { cluster: fleet.namespace, namespace: fleet.namespace, class: "node" };
    await new BoardLeases(fleet.api, place).claim("cam-001", "24:0a:c4:00:00:01");
    const flasher = await as("flasher");
    expect(flasher.stderr).toMatch(/^What the stack declares is not known: .*forbidden/);
    expect(flasher.exitCode).toBe(0);
  });

  it("says that a DevicesCluster that the stack names is not there", async () => {
    await fleet.project.mustPulumi("config", "set", "edgeflock:clusters", `${fleet.namespace},gone`);
    const { exitCode, stderr } = await edgeflock("explain", "cam-001");
    expect(exitCode).toBe(1);
    expect(stderr).toContain('edgeflock:clusters names "gone", and there is no such DevicesCluster');
  });
});
