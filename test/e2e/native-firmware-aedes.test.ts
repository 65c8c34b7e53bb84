// The native firmware and the small broker that comes with Edgeflock, as where the demo finds no Mosquitto.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { buildFirmware } from "../../builders/build-firmware.ts";
import { aclLines } from "../../builders/mosquitto/acl-file.ts";
import { passwordLine } from "../../builders/mosquitto/password-file.ts";
import { startVirtualDevice, type VirtualDevice } from "../../flash/virtual-esp32/start-virtual-device.ts";
import { announcementTopic, readAnnouncement } from "../../model/announcement.ts";
import { deviceRights } from "../../model/mqtt-access.ts";
import { AedesBroker } from "../../toolchain/embedded-broker/aedes-broker.ts";
import { ensureCertificates } from "../../toolchain/embedded-broker/certificates.ts";
import { type BrokerPaths, brokerFiles } from "../../toolchain/embedded-broker/paths.ts";
import { TestFolder } from "../flash/virtual-esp32/support.ts";
import { OBSERVER } from "./broker-fleet.ts";
import { freePort } from "./mosquitto.ts";
import { DEVICE, GENERATION, SENSORS, TOPIC, writeFlash } from "./native-board.ts";

const CREDENTIAL = { username: "fern-01.g3", password: "s3cret of fern-01" };
const WAIT = { timeout: 60_000, interval: 50 };

const folder = new TestFolder();
let paths: BrokerPaths;
let port: number;
let broker: AedesBroker;
let observer: MqttClient;
let device: VirtualDevice;
const heard: { topic: string; text: string }[] = [];

async function writeAccess(users: (typeof CREDENTIAL)[]): Promise<void> {
  const lines = await Promise.all(
    users.map((user) => passwordLine(user.username, user.password, Buffer.alloc(12, 7))),
  );
  const rights = deviceRights("site", DEVICE);
  const device = aclLines({ username: CREDENTIAL.username, rights });
  await writeFile(paths.passwordfile, lines.join(""));
  await writeFile(paths.aclfile, `${device}\nuser ${OBSERVER.username}\ntopic readwrite #\n`);
}

beforeAll(async () => {
  const firmware = await buildFirmware({
    builder: { name: "native" },
    chip: "esp32",
    config: { label: "cfg", size: 0x6000 },
    sensors: SENSORS,
    projectFolder: folder.path,
  });
  paths = brokerFiles(folder.path);
  await ensureCertificates(paths);
  await writeAccess([CREDENTIAL, OBSERVER]);
  port = await freePort();
  broker = await AedesBroker.start(paths, port);
  const ca = await readFile(paths.ca, "utf8");
  const options = { protocolVersion: 4, ca, reconnectPeriod: 0, ...OBSERVER } as const;
  observer = await connectAsync(`mqtts://127.0.0.1:${port}`, options, false);
  observer.on("message", (topic, payload) => heard.push({ topic, text: payload.toString() }));
  await observer.subscribeAsync("#", { qos: 1 });
  const flash = join(folder.path, "board.bin");
  await writeFlash(flash, firmware, { host: "127.0.0.1", port, tls: true, ca }, CREDENTIAL);
  device = await startVirtualDevice({ chip: "esp32", flash, boot: true });
});
afterAll(async () => {
  await device?.stop();
  await observer?.endAsync(true);
  await broker?.stop();
  folder.remove();
});

const textsAt = (topic: string) => heard.filter((each) => each.topic === topic).map(({ text }) => text);
const command = (name: string) => observer.publishAsync(`${TOPIC}/command/${name}`, "", { qos: 1 });

it("announces itself, measures, and answers", async () => {
  await vi.waitFor(() => expect(textsAt(announcementTopic(TOPIC))).toHaveLength(1), WAIT);
  const said = Buffer.from(textsAt(announcementTopic(TOPIC))[0]!);
  expect(readAnnouncement(said, [DEVICE.original])).toMatchObject({ gen: GENERATION });
  await vi.waitFor(() => expect(textsAt(`${TOPIC}/board/uptime`).length).toBeGreaterThan(2), WAIT);
  await command("announce");
  const done = JSON.stringify({ command: "announce", ok: true });
  await vi.waitFor(() => expect(textsAt(`${TOPIC}/$reply`)).toContain(done), WAIT);
});

it("finds a command that was given while it was away", async () => {
  device.reset("download");
  await vi.waitFor(() => expect(textsAt(`${TOPIC}/$state`)).toContain("lost"), WAIT);
  await command("waiting");
  device.reset("boot");
  await vi.waitFor(() => expect(textsAt(`${TOPIC}/$reply`).join()).toContain('"command":"waiting"'), WAIT);
});

it("is cut off within a second when its user is gone", async () => {
  await writeAccess([OBSERVER]);
  const since = device.console.length;
  const start = Date.now();
  await broker.reload();
  await device.waitFor(/the connection broke/, { since });
  expect(Date.now() - start).toBeLessThan(1000);
  await device.waitFor(/no connection to .*: the broker refuses username and password/, {
    since,
    timeoutMs: 60_000,
  });
});
