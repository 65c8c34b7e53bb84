// A fleet at one Mosquitto over TLS: how long until all its devices are connected, and how fast they publish, with the
// files that Edgeflock makes, beside a bare password file as mosquitto_passwd makes it and one rule for all.
// Starts Mosquitto on 127.0.0.1 in a temporary folder.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { MqttClient } from "mqtt";
import { mosquittoSecrets } from "../dynamic-providers/broker-secrets.ts";
import { type BrokerUserWithPassword, brokerUsers } from "../dynamic-providers/broker-users.ts";
import {
  type BrokerFiles,
  findMosquitto,
  freePort,
  loopbackCertificate,
  Mosquitto,
} from "../test/e2e/mosquitto.ts";
import { median, type Row } from "./row.ts";

const DEVICES = 1000;
const MESSAGES = 20;
const ROUNDS = 3;
/** Connections that are being made at once. */
const AT_ONCE = 50;
const ROOT_KEY = Buffer.alloc(32, 5).toString("base64");

interface Login {
  username: string;
  password: string;
}

interface Measured {
  connect: number;
  publish: number;
  /** Resident memory of the broker with all connected, in MiB. */
  memory: number;
}

export async function run(): Promise<Row[]> {
  if (!(await findMosquitto())) throw new Error('This needs Mosquitto: your system\'s package "mosquitto".');
  const users = fleet();
  const logins = users.map(({ username, password }): Login => ({ username, password: password() }));
  const before = process.memoryUsage().rss;
  const started = performance.now();
  const ours = await ourFiles(users);
  const making = (performance.now() - started) / 1000;
  const grown = Math.max(0, process.memoryUsage().rss - before) / 2 ** 20;
  const folder = await mkdtemp(join(tmpdir(), "edgeflock-bench-"));
  try {
    const [bare, passwd] = await bareFiles(folder, logins);
    const results = { ours: [] as Measured[], bare: [] as Measured[] };
    for (let round = 0; round < ROUNDS; round++) {
      results.ours.push(await measure(join(folder, `ours-${round}`), ours, logins));
      results.bare.push(await measure(join(folder, `bare-${round}`), bare, logins));
    }
    const row = (name: string, key: keyof Measured, unit: Row["unit"]): Row => {
      const value = median(results.ours.map((each) => each[key]));
      const peerValue = median(results.bare.map((each) => each[key]));
      const peer = "bare password file";
      return { name, value, unit, peer, peerValue, ratio: value / peerValue, goal: null, met: null };
    };
    return [
      {
        name: `make the files of ${DEVICES} devices`,
        value: making,
        unit: "s",
        peer: "mosquitto_passwd -U",
        peerValue: passwd,
        ratio: making / passwd,
        goal: null,
        met: null,
      },
      { ...alone("memory that grew meanwhile", grown, "MiB"), goal: "under 32 MiB", met: grown < 32 },
      row(`connect ${DEVICES} devices with TLS`, "connect", "s"),
      row(`publish ${DEVICES * MESSAGES} messages, QoS 1`, "publish", "s"),
      row("the broker's memory meanwhile", "memory", "MiB"),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function alone(name: string, value: number, unit: Row["unit"]): Row {
  return { name, value, unit, peer: null, peerValue: null, ratio: null, goal: null, met: null };
}

function fleet(): BrokerUserWithPassword[] {
  const devices = Object.fromEntries(
    Array.from({ length: DEVICES }, (_, index) => [
      `node-${index}`,
      { class: "node", groups: [index % 2 === 0 ? "north" : "south"] },
    ]),
  );
  const classes = { node: { commands: true, broadcasts: true } };
  return brokerUsers(
    { namespace: "bench", topicRoot: "site", devices, classes, readers: [], applications: [] },
    { rootKey: ROOT_KEY, adopted: {} },
  );
}

async function ourFiles(users: BrokerUserWithPassword[]): Promise<BrokerFiles> {
  const secrets = await mosquittoSecrets({ cluster: "bench", namespace: "bench" }, users, ROOT_KEY);
  const joined = (key: string) =>
    secrets
      .map(({ data }) => Buffer.from((data as Record<string, string>)[key]!, "base64").toString())
      .join("");
  return { passwordfile: joined("passwordfile"), aclfile: joined("aclfile") };
}

/** And the seconds that mosquitto_passwd took. */
async function bareFiles(folder: string, logins: Login[]): Promise<[BrokerFiles, number]> {
  const file = join(folder, "bare");
  await writeFile(file, logins.map(({ username, password }) => `${username}:${password}\n`).join(""), {
    mode: 0o600,
  });
  const started = performance.now();
  await execa("mosquitto_passwd", ["-U", file]);
  const seconds = (performance.now() - started) / 1000;
  return [{ passwordfile: await readFile(file, "utf8"), aclfile: "pattern readwrite #\n" }, seconds];
}

async function measure(folder: string, files: BrokerFiles, logins: Login[]): Promise<Measured> {
  const [port, tls] = [await freePort(), await loopbackCertificate()];
  const broker = await Mosquitto.start(folder, port, tls, files);
  try {
    const clients: MqttClient[] = [];
    const connect = await seconds(async () => {
      const waiting = logins.entries();
      const worker = async () => {
        for (const [index, login] of waiting) {
          clients[index] = await broker.connect({ ...login, clientId: login.username, protocolVersion: 4 });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    });
    const publish = await seconds(async () => {
      await Promise.all(
        clients.map(async (client, index) => {
          const topic = `site/${logins[index]!.username}/state`;
          for (let each = 0; each < MESSAGES; each++) {
            await client.publishAsync(topic, `{"n":${each}}`, { qos: 1 });
          }
        }),
      );
    });
    const memory = await broker.memory();
    await Promise.all(clients.map((client) => client.endAsync(true)));
    return { connect, publish, memory };
  } finally {
    await broker.stop();
  }
}

async function seconds(action: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await action();
  return (performance.now() - started) / 1000;
}
