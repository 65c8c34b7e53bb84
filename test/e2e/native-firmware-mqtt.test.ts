// The native firmware as a device of the fleet: booted by the virtual ESP32, it speaks to a real Mosquitto with TLS,
// with its own credential and within its own rights.
import { join } from "node:path";
import type { MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildFirmware } from "../../builders/build-firmware.ts";
import type { BuiltFirmware } from "../../builders/contract.ts";
import { aclLines } from "../../builders/mosquitto/acl-file.ts";
import { passwordLine } from "../../builders/mosquitto/password-file.ts";
import { startVirtualDevice, type VirtualDevice } from "../../flash/virtual-esp32/start-virtual-device.ts";
import { announcementTopic, readAnnouncement } from "../../model/announcement.ts";
import { deviceRights } from "../../model/mqtt-access.ts";
import { TestFolder } from "../flash/virtual-esp32/support.ts";
import {
  type BrokerFiles,
  findMosquitto,
  freePort,
  loopbackCertificate,
  Mosquitto,
  type Tls,
} from "./mosquitto.ts";
import { DEVICE, SENSORS, TOPIC, writeFlash } from "./native-board.ts";

const CREDENTIAL = { username: "fern-01.g1", password: "s3cret of fern-01" };
const OBSERVER = { username: "observer", password: "of the test alone" };

const there = (await findMosquitto()) !== undefined;
if (!there)
  console.warn('No Mosquitto here, so its tests are skipped: install your system\'s package "mosquitto".');

describe.skipIf(!there)("the native firmware and a Mosquitto with TLS", () => {
  const folder = new TestFolder();
  let firmware: BuiltFirmware;
  let tls: Tls;
  let port: number;
  let broker: Mosquitto;
  let observer: MqttClient;
  let device: VirtualDevice;
  let heard: { topic: string; text: string; retained: boolean }[] = [];

  beforeAll(async () => {
    firmware = await buildFirmware({
      builder: { name: "native" },
      chip: "esp32",
      config: { label: "cfg", size: 0x6000 },
      sensors: SENSORS,
      projectFolder: folder.path,
    });
    tls = await loopbackCertificate();
    port = await freePort();
    broker = await start();
    observer = await observe();
    device = await boot("device", {});
  });
  afterAll(async () => {
    await device?.stop();
    await observer?.endAsync(true);
    await broker?.stop();
    folder.remove();
  });

  async function files(): Promise<BrokerFiles> {
    const salt = Buffer.alloc(12, 7);
    const users = [CREDENTIAL, OBSERVER];
    const lines = await Promise.all(
      users.map(({ username, password }) => passwordLine(username, password, salt)),
    );
    const rights = deviceRights("site", DEVICE);
    return {
      passwordfile: `${lines.join("\n")}\n`,
      aclfile: `${aclLines({ username: CREDENTIAL.username, rights })}\nuser observer\ntopic readwrite #\n`,
    };
  }
  const start = async (certificate = tls) =>
    Mosquitto.start(join(folder.path, "mosquitto"), port, certificate, await files());

  async function observe(): Promise<MqttClient> {
    const client = await broker.connect({ ...OBSERVER, protocolVersion: 4 });
    heard = [];
    client.on("message", (topic, payload, { retain }) =>
      heard.push({ topic, text: payload.toString("latin1"), retained: retain }),
    );
    await client.subscribeAsync("#", { qos: 1 });
    return client;
  }
  async function next(topic: string, from = 0): Promise<string> {
    const until = Date.now() + 60_000;
    for (;;) {
      const found = heard.slice(from).find((message) => message.topic === topic);
      if (found) return found.text;
      if (Date.now() > until)
        throw new Error(`nothing at ${topic}; the console: ${device.console.join("\n")}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  interface Changes {
    ca?: string;
    password?: string;
    host?: string;
    tls?: boolean;
  }
  async function flash(
    name: string,
    { ca = tls.certificate, password = CREDENTIAL.password, host = "127.0.0.1", tls: secure = true }: Changes,
  ): Promise<string> {
    const path = join(folder.path, `${name}.bin`);
    const broker = { host, port, tls: secure, ca };
    await writeFlash(path, firmware, broker, { ...CREDENTIAL, password });
    return path;
  }
  const boot = async (name: string, changes: Changes) =>
    startVirtualDevice({ chip: "esp32", flash: await flash(name, changes), boot: true });
  const refused = async (name: string, changes: Changes): Promise<string> => {
    await using board = await boot(name, changes);
    const line = await board.waitFor(/no connection to|configuration does not do/, { timeoutMs: 60_000 });
    expect(board.console.join("\n")).not.toContain(CREDENTIAL.password);
    return line;
  };

  it("announces itself, retained, in the form that the fleet reads", async () => {
    const announced = readAnnouncement(await next(announcementTopic(TOPIC)), ["fern-01"]);
    expect(announced).toEqual({
      device: "fern-01",
      class: "node",
      firmware: firmware.artifact.version,
      config: expect.stringMatching(/^[0-9a-f]{16}$/),
      gen: 3,
    });
    expect(await next(`${TOPIC}/$state`)).toBe("ready");
    const late = await observe();
    await next(announcementTopic(TOPIC));
    expect(
      heard.filter(({ topic }) => topic.startsWith(`${TOPIC}/$`)).every(({ retained }) => retained),
    ).toBe(true);
    await observer.endAsync(true);
    observer = late;
    expect(broker.log).toMatch(/New client connected from .* as fern-01 \(p2, c0, k60, u'fern-01\.g1'\)/);
  });

  it("measures at the interval of its settings, and leaves out what is switched off", async () => {
    const before = heard.length;
    expect(Number(await next(`${TOPIC}/soil`, before))).toBeGreaterThan(44);
    expect(Number(await next(`${TOPIC}/board/uptime`, before))).toBeGreaterThanOrEqual(0);
    expect(Number(await next(`${TOPIC}/board/heap`, before))).toBeGreaterThan(0);
    expect(heard.filter(({ topic }) => topic === `${TOPIC}/off`)).toEqual([]);
  });

  it.each([
    ["its own", `${TOPIC}/command`],
    ["for all", "site/_all"],
    ["for its class", "site/_class/node"],
    ["for its group", "site/_group/north"],
  ])("obeys commands %s", async (_, below) => {
    const before = heard.length;
    await observer.publishAsync(`${below}/announce`, "", { qos: 1 });
    expect(JSON.parse(await next(`${TOPIC}/$reply`, before))).toEqual({ command: "announce", ok: true });
  });

  it("says what it cannot do", async () => {
    let before = heard.length;
    await observer.publishAsync(`${TOPIC}/command/large`, "x".repeat(100_000), { qos: 1 });
    await observer.publishAsync(`${TOPIC}/command/fly"`, "", { qos: 1 });
    expect(JSON.parse(await next(`${TOPIC}/$reply`, before))).toEqual({
      command: 'fly"',
      error: "there is no such command; there are announce, read, restart, still",
    });
    before = heard.length;
    await observer.publishAsync(`${TOPIC}/command/still`, "", { qos: 1 });
    expect(await next(`${TOPIC}/$reply`, before)).toContain("this board has no camera");
  });

  it("connects again by itself when the broker was away, and announces itself again", async () => {
    await observer.endAsync(true);
    await broker.stop();
    await device.waitFor(/next try in/, { timeoutMs: 60_000 });
    const since = device.console.length;
    broker = await start();
    observer = await observe();
    await device.waitFor(/connected to 127\.0\.0\.1/, { since, timeoutMs: 60_000 });
    expect(readAnnouncement(await next(announcementTopic(TOPIC)), ["fern-01"])).toMatchObject({ gen: 3 });
  });

  it("restarts on command, once, though the command was retained", async () => {
    const since = device.console.length;
    await observer.publishAsync(`${TOPIC}/command/restart`, "now", { qos: 1, retain: true });
    await device.waitFor(/passed over a retained command restart/, { since, timeoutMs: 60_000 });
    expect(device.console.slice(since).filter((line) => /firmware .* start \d/.test(line))).toHaveLength(1);
    await device.waitFor(/connected to/, { since, timeoutMs: 60_000 });
  });

  it("is lost when its power goes, by its last will", async () => {
    await next(`${TOPIC}/$state`);
    const before = heard.length;
    await device.stop();
    expect(await next(`${TOPIC}/$state`, before)).toBe("lost");
  });

  it("refuses a broker whose certificate is of another CA", async () => {
    const other = await loopbackCertificate();
    expect(await refused("wrong-ca", { ca: other.certificate })).toMatch(
      /not correctly signed by the trusted CA/,
    );
  });

  it("sends nothing with TLS but without a CA", async () => {
    expect(await refused("no-ca", { ca: "" })).toContain("it has no CA for the broker (mqtt/ca)");
  });

  it("says that the broker refuses its credential", async () => {
    expect(await refused("wrong-password", { password: "another" })).toContain(
      "the broker refuses username and password",
    );
  });

  it("does not get anywhere without TLS at a port that has it", async () => {
    expect(await refused("no-tls", { tls: false })).toMatch(/no connection to/);
  });

  it("refuses a broker with another name than it was called by", async () => {
    await observer.endAsync(true);
    await broker.stop();
    const other = await loopbackCertificate([{ type: "dns", value: "broker.example" }]);
    broker = await start(other);
    const line = await refused("wrong-name", { ca: other.certificate });
    expect(line).toMatch(/\(CN\) does not match/);
    expect(broker.log).not.toContain("New client connected");
  });
});
