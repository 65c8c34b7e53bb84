// A fleet at one Mosquitto over TLS: how long until all its devices are connected, and how fast they publish, with the
// files that Edgeflock makes, beside a bare password file as mosquitto_passwd makes it and one rule for all; and how long
// Mosquitto takes to read the files of a large fleet. Starts Mosquitto on 127.0.0.1 in a temporary folder.
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
/** Of the fleet whose files are only read. */
const MANY = 10_000;
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
  /** Messages a second. */
  rate: number;
  /** Resident memory of the broker with all connected, in MiB. */
  memory: number;
}

export async function run(): Promise<Row[]> {
  if (!(await findMosquitto())) throw new Error('This needs Mosquitto: your system\'s package "mosquitto".');
  const users = fleet(DEVICES);
  const logins = loginsOf(users);
  const { files: ours, seconds: making, grown } = await makeFiles(users);
  const folder = await mkdtemp(join(tmpdir(), "edgeflock-bench-"));
  try {
    const [bare, passwd] = await bareFiles(folder, logins);
    const results = { ours: [] as Measured[], bare: [] as Measured[] };
    for (let round = 0; round < ROUNDS; round++) {
      results.ours.push(await measure(join(folder, `ours-${round}`), ours, logins));
      results.bare.push(await measure(join(folder, `bare-${round}`), bare, logins));
    }
    const row = (name: string, key: keyof Measured, unit: Row["unit"]): Row =>
      beside(
        name,
        unit,
        median(results.ours.map((each) => each[key])),
        median(results.bare.map((each) => each[key])),
      );
    return [
      beside(`make the files of ${DEVICES} devices`, "s", making, passwd, "mosquitto_passwd -U"),
      { ...alone("memory that grew meanwhile", grown, "MiB"), goal: "under 32 MiB", met: grown < 32 },
      row(`connect ${DEVICES} devices with TLS`, "connect", "s"),
      row(`publish ${DEVICES * MESSAGES} messages, QoS 1`, "publish", "s"),
      row("messages a second", "rate", ""),
      row("the broker's memory meanwhile", "memory", "MiB"),
      ...(await largeFleet(folder)),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function beside(
  name: string,
  unit: Row["unit"],
  value: number,
  peerValue: number,
  peer = "bare password file",
): Row {
  return { name, value, unit, peer, peerValue, ratio: value / peerValue, goal: null, met: null };
}

/** Mosquitto reads the files of many users: when it starts, and when it is told that one user has changed. */
async function largeFleet(folder: string): Promise<Row[]> {
  const users = fleet(MANY);
  const logins = loginsOf(users);
  const { files: ours, seconds: making, grown } = await makeFiles(users);
  const [bare, passwd] = await bareFiles(folder, logins);
  const last = logins.at(-1)!;
  const results = { ours: [] as Loaded[], bare: [] as Loaded[] };
  for (let round = 0; round < ROUNDS; round++) {
    results.ours.push(await load(join(folder, `many-ours-${round}`), ours, last));
    results.bare.push(await load(join(folder, `many-bare-${round}`), bare, last));
  }
  const row = (name: string, key: keyof Loaded, unit: Row["unit"]) => {
    const of = (kind: keyof typeof results) => median(results[kind].map((each) => each[key]));
    return beside(name, unit, of("ours"), of("bare"));
  };
  return [
    beside(`make the files of ${MANY} devices`, "s", making, passwd, "mosquitto_passwd -U"),
    { ...alone("memory that grew meanwhile", grown, "MiB"), goal: "under 64 MiB", met: grown < 64 },
    row(`start with ${MANY} users, until the last is let in`, "start", "s"),
    row("SIGHUP with a user less, until the last is let in", "reload", "s"),
    row("the broker's memory with them", "memory", "MiB"),
  ];
}

interface Loaded {
  start: number;
  reload: number;
  memory: number;
}

async function load(folder: string, files: BrokerFiles, last: Login): Promise<Loaded> {
  const [port, tls] = [await freePort(), await loopbackCertificate()];
  const letIn = async (broker: Mosquitto) =>
    (await broker.connect({ ...last, protocolVersion: 4 })).endAsync(true);
  const started = performance.now();
  const broker = await Mosquitto.start(folder, port, tls, files);
  try {
    await letIn(broker);
    const start = (performance.now() - started) / 1000;
    const passwordfile = files.passwordfile.slice(files.passwordfile.indexOf("\n") + 1);
    const reload = await seconds(async () => {
      await broker.reload({ ...files, passwordfile });
      await letIn(broker);
    });
    return { start, reload, memory: await broker.memory() };
  } finally {
    await broker.stop();
  }
}

function loginsOf(users: BrokerUserWithPassword[]): Login[] {
  return users.map(({ username, password }) => ({ username, password: password() }));
}

/** @returns how long it took, and by how many MiB this process grew */
async function makeFiles(
  users: BrokerUserWithPassword[],
): Promise<{ files: BrokerFiles; seconds: number; grown: number }> {
  const before = process.memoryUsage().rss;
  const started = performance.now();
  const files = await ourFiles(users);
  const taken = (performance.now() - started) / 1000;
  return { files, seconds: taken, grown: Math.max(0, process.memoryUsage().rss - before) / 2 ** 20 };
}

function alone(name: string, value: number, unit: Row["unit"]): Row {
  return { name, value, unit, peer: null, peerValue: null, ratio: null, goal: null, met: null };
}

function fleet(size: number): BrokerUserWithPassword[] {
  const devices = Object.fromEntries(
    Array.from({ length: size }, (_, index) => [
      `node-${index}`,
      { class: "node", groups: [index % 2 === 0 ? "north" : "south"] },
    ]),
  );
  const classes = { node: { commands: true, broadcasts: true } };
  return brokerUsers(
    { namespace: "bench", topicRoot: "site", devices, classes, readers: {}, applications: {} },
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
    return { connect, publish, rate: (DEVICES * MESSAGES) / publish, memory };
  } finally {
    await broker.stop();
  }
}

async function seconds(action: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await action();
  return (performance.now() - started) / 1000;
}
