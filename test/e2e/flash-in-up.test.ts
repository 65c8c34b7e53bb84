// Boards that `pulumi up` flashes itself, and what it warns of: the real engine, a real cluster, the real esptool, a
// virtual board at a remote bench.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startVirtualDevice, type VirtualDevice } from "../../flash/virtual-esp32/start-virtual-device.ts";
import type { KubernetesObject } from "../../kubernetes/api.ts";
import { cluster, device, deviceClass } from "./manifests.ts";
import { TestProject } from "./test-project.ts";

let project: TestProject;
let namespace: string;
let board: VirtualDevice;
beforeAll(async () => {
  project = await TestProject.create();
  namespace = project.id;
  board = await startVirtualDevice({
    chip: "esp32",
    flash: join(project.folder, "board.bin"),
    rfc2217: true,
  });
});
afterAll(async () => {
  await board?.stop();
  await project?.[Symbol.asyncDispose]();
});

const fleet = (spec: object) => [
  cluster(namespace, {
    mqtt: { broker: { kind: "mosquitto", host: "mqtt.example" }, topicRoot: "site" },
  }),
  deviceClass("node"),
  device("a", "north", spec),
];
const via = () => ({ flash: { via: { port: board.url } } });
const lease = async () =>
  project.api.get<KubernetesObject & { spec: { holderIdentity?: string } }>({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "a-board", namespace },
  });
const annotations = async () => (await lease()).metadata.annotations ?? {};
const flashStep = (steps: { op: string; urn: string }[]) =>
  steps.filter(({ urn }) => urn.includes("command:local:Command")).map(({ op }) => op);

describe("spec.flash.via", () => {
  it("flashes the board in the update that makes its device, and shows it in the preview before", async () => {
    await project.manifests(fleet(via()));
    const steps = await project.preview();
    const flash = steps.find(({ urn }) => urn.includes("command:local:Command"))!;
    expect(flash.op).toBe("create");
    expect(flash.newState?.inputs).toMatchObject({
      environment: { EDGEFLOCK_FLASH_DEVICE: "a", EDGEFLOCK_FLASH_PORT: board.url },
    });
    expect(JSON.stringify(flash.newState)).toContain(`flash a at ${board.url}`);
    const up = await project.mustPulumi("up", "--yes", "--skip-preview");
    expect((await lease()).spec.holderIdentity).toBe(board.mac);
    const secret = (await project.secret(namespace, "a-device"))!;
    expect(readFileSync(board.flash).includes(secret["config.bin"]!)).toBe(true);
    expect(up.stdout).toContain(`${board.url}: done (a ${board.mac})`);
    const said = up.stdout + up.stderr + (await project.state());
    expect(said).not.toContain(secret.MQTT_PASSWORD!.toString());
  });

  it("does nothing where nothing changed", async () => {
    const before = (await lease()).metadata.resourceVersion;
    expect(await project.preview()).toEqual([]);
    await project.up();
    expect((await lease()).metadata.resourceVersion).toBe(before);
  });

  it("flashes again when the configuration has changed", async () => {
    const before = await annotations();
    await project.manifests(fleet({ ...via(), data: { "place.name": "bench 2" } }));
    expect(flashStep(await project.preview())).toContain("replace");
    await project.up();
    const after = await annotations();
    expect(after["edgeflock.io/config-digest"]).not.toBe(before["edgeflock.io/config-digest"]);
    expect(await project.preview()).toEqual([]);
  });

  it("fails the update where the board is another device, and mends it when the right one is there", async () => {
    await using other = await startVirtualDevice({
      chip: "esp32",
      flash: join(project.folder, "other.bin"),
      rfc2217: true,
    });
    await project.manifests(
      fleet({ flash: { via: { port: other.url } }, data: { "place.name": "bench 2" } }),
    );
    const refused = await project.pulumi("up", "--yes", "--skip-preview");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stdout + refused.stderr).toContain(`a is the board ${board.mac}`);
    expect(refused.stdout + refused.stderr).toContain(`this board is ${other.mac}`);
    await project.manifests(fleet({ ...via(), data: { "place.name": "bench 2" } }));
    await project.up();
    expect((await lease()).spec.holderIdentity).toBe(board.mac);
  });
});

describe("an update that would lock a board out", () => {
  it("warns before it retires the credential that the board was flashed with, and not where it keeps it", async () => {
    const said = async (credentials: object) => {
      await project.manifests(fleet({ credentials, data: { "place.name": "bench 2" } }));
      const { stdout, stderr } = await project.pulumi("preview");
      return stdout + stderr;
    };
    expect(await said({ generation: 2 })).not.toContain("locked out");
    const text = await said({ generation: 2, keepPrevious: false });
    expect(text).toContain("1 board is locked out of the broker by this update");
    expect(text).toContain(
      `a (${board.mac}): generation 1 of its credential, which its board has, is retired`,
    );
  });

  it("warns of the board of a device that it takes away", async () => {
    await project.manifests(fleet({}).slice(0, 2));
    const { stdout, stderr } = await project.pulumi("preview");
    expect(stdout + stderr).toContain(`a (${board.mac}): the device is taken away`);
  });

  it("flashes the board itself where it may, so that it is not locked out", async () => {
    const credentials = { generation: 2, keepPrevious: false };
    await project.manifests(fleet({ ...via(), credentials, data: { "place.name": "bench 2" } }));
    const up = await project.mustPulumi("up", "--yes", "--skip-preview");
    expect(up.stdout + up.stderr).not.toContain("locked out");
    expect((await annotations())["edgeflock.io/credential-generation"]).toBe("2");
  });
});
