// `edgeflock status` on a real cluster, with boards that were really flashed, and a real broker.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { passwordLine } from "../../builders/mosquitto/password-file.ts";
import type { DeviceStatus } from "../../flash/status/device-status.ts";
import { startVirtualDevice, type VirtualDevice } from "../../flash/virtual-esp32/start-virtual-device.ts";
import { announcementText } from "../../model/announcement.ts";
import { storeInCluster } from "../flash/flash-script/support/artifact.ts";
import { Bench, CLASS, PASSWORD } from "../flash/flash-script/support/bench.ts";
import { type Ran, run } from "../flash/flash-script/support/shell.ts";
import { cluster, deviceClass, device as deviceManifest } from "./manifests.ts";
import { findMosquitto, freePort, loopbackCertificate, Mosquitto, type Tls } from "./mosquitto.ts";

const COMMAND = fileURLToPath(new URL("../../bin/edgeflock.mjs", import.meta.url));
const READER_PASSWORD = "of-the-reader-alone";
const SETTINGS = "00000000000000c1";

let bench: Bench;
const boards: VirtualDevice[] = [];
beforeAll(async () => {
  bench = await Bench.open();
  await bench.publish();
});
afterAll(async () => {
  await Promise.all(boards.map((board) => board.stop()));
  await bench?.close();
});

const status = (args: string[] = [], kubeconfig = bench.tools.kubeconfig): Promise<Ran> =>
  run([process.execPath, COMMAND, "status", "-n", bench.namespace, "--kubeconfig", kubeconfig, ...args], {
    cwd: bench.folder,
  });

async function statusOf(name: string, args: string[] = []): Promise<DeviceStatus> {
  const ran = await status(["--json", name, ...args]);
  expect(ran.stderr).not.toContain("cannot");
  const [fleet] = JSON.parse(ran.stdout) as { devices: DeviceStatus[] }[];
  return fleet!.devices[0]!;
}

async function flash(name: string): Promise<VirtualDevice> {
  const board = await startVirtualDevice({ chip: "esp32", flash: join(bench.folder, `${name}.flash`) });
  boards.push(board);
  const ran = await bench.flash([name, "--port", board.url]);
  expect(ran.stderr).toContain("Done: written");
  return board;
}

const told = { "edgeflock.io/settings-digest": SETTINGS, "edgeflock.io/mqtt-topic": "site/told" };

describe("npx edgeflock status", () => {
  it("shows what is declared and what was flashed, and follows both", async () => {
    await bench.device("followed");
    await bench.device("bare");
    expect((await statusOf("followed")).state).toBe("no board");
    const board = await flash("followed");
    expect(await statusOf("followed")).toMatchObject({
      state: "current",
      needs: [],
      declared: { generation: 1, firmware: "1.0.0", artifact: bench.artifact.digest },
      flashed: { mac: board.mac, generation: 1, firmware: "1.0.0", artifact: bench.artifact.digest },
    });
    await bench.device("followed", { generation: 2 });
    expect(await statusOf("followed")).toMatchObject({
      state: "stale",
      needs: ["configuration"],
      declared: { generation: 2 },
      flashed: { generation: 1 },
    });
    await bench.publish(await storeInCluster(bench.api, bench.namespace, bench.make({ version: "2.0.0" })));
    expect((await statusOf("followed")).needs).toEqual(["configuration", "firmware"]);
    const shown = await status(["--stale"]);
    expect(shown.stdout).toMatch(
      new RegExp(`followed +${CLASS} +${board.mac} +needs configuration and firmware`),
    );
    expect(shown.stdout).not.toContain("bare");
    expect(shown.stdout).toContain("1 device, 1 to flash.");
    expect(shown.code).toBe(0);
    await bench.publish();
  });

  it("tells which board the next up would lock out, by the stack's manifests", async () => {
    await bench.device("raised", { generation: 1 });
    await bench.device("removed", { generation: 1 });
    await flash("raised");
    await flash("removed");
    const folder = join(bench.folder, "manifests");
    mkdirSync(folder, { recursive: true });
    const write = (credentials: object) => {
      const documents = [
        cluster(bench.namespace, {
          mqtt: { broker: { kind: "mosquitto", host: "mqtt.example" }, topicRoot: "site" },
        }),
        deviceClass(CLASS),
        deviceManifest("raised", "north", { credentials }, CLASS),
      ];
      writeFileSync(
        join(folder, "fleet.yaml"),
        documents.map((document) => stringify(document)).join("---\n"),
      );
    };
    const withManifests = (name: string) => statusOf(name, ["--manifests", folder]);
    write({ generation: 2 });
    expect((await withManifests("raised")).lockedOut).toBeNull();
    write({ generation: 2, keepPrevious: false });
    expect((await withManifests("raised")).lockedOut).toContain("generation 1 of its credential");
    write({ generation: 3 });
    expect((await withManifests("raised")).lockedOut).toContain("generation 1 of its credential");
    expect((await withManifests("removed")).lockedOut).toContain("no longer declares the device");
    const shown = await status(["--stale", "--manifests", folder]);
    expect(shown.stdout).toContain('raised would be locked out by the next "pulumi up"');
  });

  it("works with the rights of a flasher, who may list no Secrets, and says what it could not see", async () => {
    await bench.device("readable");
    await bench.device("hidden");
    await flash("readable");
    await flash("hidden");
    const kubeconfig = await bench.person("reads-one", [
      { apiGroups: [""], resources: ["secrets"], verbs: ["get"], resourceNames: ["readable-device"] },
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["list"] },
    ]);
    const ran = await status(["--json", "readable", "hidden"], kubeconfig);
    const [fleet] = JSON.parse(ran.stdout) as { devices: DeviceStatus[] }[];
    expect(fleet!.devices.map(({ device, state }) => [device, state])).toEqual([
      ["hidden", "unknown"],
      ["readable", "current"],
    ]);
    const none = await status([], await bench.person("reads-none", []));
    expect(none.stderr).toContain("You may not list Leases");
    expect(none.code).toBe(5);
  });

  it("refuses a device and a namespace that are not there", async () => {
    const unknown = await status(["followd"]);
    expect(unknown.stderr).toContain('There is no device "followd".');
    expect(unknown.stderr).toContain('Did you mean "followed"?');
    expect(unknown.code).toBe(6);
    const elsewhere = await status(["-n", "no-such-namespace"]);
    expect(elsewhere.stderr).toContain('no devices in namespace "no-such-namespace"');
    expect(elsewhere.code).toBe(6);
  });

  it("refuses a reader's Secret that is none", async () => {
    const ran = await status(["--reader", "followed-device"]);
    expect(ran.stderr).toContain('The Secret "followed-device" does not hold MQTT_URL');
    expect((await status(["--reader", "nobody"])).stderr).toContain('There is no Secret "nobody"');
  });
});

const there = (await findMosquitto()) !== undefined;

describe.skipIf(!there)("npx edgeflock status --reader", () => {
  let broker: Mosquitto;
  let tls: Tls;
  let port: number;
  const salt = Buffer.alloc(12, 3);

  beforeAll(async () => {
    tls = await loopbackCertificate();
    port = await freePort();
    const lines = [
      await passwordLine("reader_recorder", READER_PASSWORD, salt),
      await passwordLine("told", PASSWORD, salt),
    ];
    broker = await Mosquitto.start(join(bench.folder, "broker"), port, tls, {
      passwordfile: `${lines.join("\n")}\n`,
      aclfile: "user reader_recorder\ntopic read site/#\nuser told\ntopic readwrite site/told/#\n",
    });
    await bench.device("told", { annotations: told, data: { MQTT_CA: tls.certificate } });
    await flash("told");
  });
  afterAll(() => broker?.stop());

  const reader = (url: string, password = READER_PASSWORD) =>
    bench.apply({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "recorder-mqtt", namespace: bench.namespace },
      stringData: { MQTT_URL: url, MQTT_USERNAME: "reader_recorder", MQTT_PASSWORD: password },
    });

  async function announce(text: string): Promise<void> {
    const client = await broker.connect({ username: "told", password: PASSWORD });
    await client.publishAsync("site/told/$edgeflock", text, { qos: 1, retain: true });
    await client.endAsync();
  }

  it("shows what a device announces, its broker's certificate verified by the fleet's own", async () => {
    await reader(`mqtts://127.0.0.1:${port}`);
    expect((await statusOf("told", ["--reader", "recorder-mqtt"])).announced).toBeNull();
    const said = { device: "told", class: CLASS, firmware: "1.0.0", config: SETTINGS, gen: 1 };
    await announce(announcementText(said));
    expect(await statusOf("told", ["--reader", "recorder-mqtt"])).toMatchObject({
      state: "current",
      announced: said,
    });
    await announce(announcementText({ ...said, device: "another" }));
    expect((await statusOf("told", ["--reader", "recorder-mqtt"])).announced).toBeNull();
  });

  it("says why where the broker cannot be asked", async () => {
    const ca = join(bench.folder, "other-ca.pem");
    writeFileSync(ca, (await loopbackCertificate()).certificate);
    await reader(`mqtts://127.0.0.1:${port}`);
    const other = await status(["--reader", "recorder-mqtt", "--ca", ca]);
    expect(other.stderr).toMatch(/The broker at 127\.0\.0\.1:\d+ cannot be asked: .*certificate/);
    expect(other.stderr).toContain("--ca FILE");
    await reader(`mqtts://127.0.0.1:${port}`, "wrong-password");
    const refused = await status(["--reader", "recorder-mqtt"]);
    expect(refused.stderr).toContain("Not authorized");
    expect(refused.stderr).toContain("Is that the Secret of a reader of this fleet?");
    await reader(`mqtts://127.0.0.1:${await freePort()}`);
    const nobody = await status(["--reader", "recorder-mqtt"]);
    expect(nobody.stderr).toMatch(/cannot be asked: .*ECONNREFUSED/);
    for (const ran of [other, refused, nobody]) {
      expect(ran.code).not.toBe(0);
      expect(ran.stderr + ran.stdout).not.toMatch(
        new RegExp(`${READER_PASSWORD}|wrong-password| at .*\\.ts`),
      );
    }
  });
});
