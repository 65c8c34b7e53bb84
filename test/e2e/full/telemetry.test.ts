import { type ChildProcess, spawn } from "node:child_process";
import { request } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type InfluxCredential,
  type InfluxRefusal,
  identifier,
} from "../../../dynamic-providers/influxdb.ts";
import { PRIVILEGES } from "../../../model/telemetry/telemetry-plan.ts";
import { ensureTelegraf } from "../../../toolchain/telegraf.ts";
import { cluster, device, deviceClass } from "../manifests.ts";
import { findMosquitto, freePort, loopbackCertificate, Mosquitto, type Tls } from "../mosquitto.ts";
import { TestProject } from "../test-project.ts";
import { findInfluxd, Influxd } from "./influxd.ts";

// Devices' numbers on their whole way: real Mosquitto, Telegraf and InfluxDB, on what Edgeflock declared.
const there = (await findMosquitto()) !== undefined && (await findInfluxd()) !== undefined;
if (!there) {
  console.warn('Tests of telemetry are skipped: install your system\'s packages "mosquitto" and "influxdb".');
}

const ADMIN = { username: "admin", password: "canary-influx-admin-51c0" };

describe.skipIf(!there)("telemetry from the devices to Grafana's user", () => {
  let project: TestProject;
  let namespace: string;
  let tls: Tls;
  let port: number;
  let influxd: Influxd;
  let mosquitto: Mosquitto;
  let telegraf: ChildProcess;
  let telegrafLog = "";

  const telemetry = (grafana: object = {}) => ({
    influxdb: {
      url: influxd.server.url,
      ca: tls.certificate,
      database: "fleet",
      admin: { username: ADMIN.username, password: { fromConfig: "influxAdmin" } },
    },
    telegraf: { reader: "collector", secret: { name: "collector-influx" } },
    grafana: { secret: { name: "grafana-influx" }, ...grafana },
  });
  const manifests = (spec: object = { telemetry: telemetry() }) => [
    cluster(namespace, {
      mqtt: {
        broker: { kind: "mosquitto", host: "127.0.0.1", port },
        topicRoot: "site/hall",
        ca: tls.certificate,
        readers: [{ name: "collector", secret: { name: "collector-mqtt" } }],
      },
      ...spec,
    }),
    deviceClass("node", { sensors: [{ name: "temperature", driver: "ds18b20", unit: "°C" }] }),
    deviceClass("weather", {
      sensors: [
        { name: "temperature", driver: "bme280", unit: "°C" },
        { name: "wind-speed", driver: "adc", unit: "m/s" },
      ],
    }),
    device("a", "north"),
    device("b", "north", {}, "weather"),
  ];
  const text = async (name: string): Promise<Record<string, string>> => {
    const secret = (await project.secret(namespace, name)) ?? {};
    return Object.fromEntries(Object.entries(secret).map(([key, value]) => [key, value.toString()]));
  };
  const configMap = async (name: string) => {
    const metadata = { namespace, name };
    const address = { apiVersion: "v1", kind: "ConfigMap", metadata };
    return (await project.api.getOrUndefined<{ data: Record<string, string> }>(address))?.data;
  };
  const influxUser = async (secretName: string): Promise<InfluxCredential> => {
    const { INFLUXDB_USERNAME, INFLUXDB_PASSWORD } = await text(secretName);
    return { username: INFLUXDB_USERNAME!, password: INFLUXDB_PASSWORD! };
  };

  beforeAll(async () => {
    project = await TestProject.create();
    namespace = project.id;
    [tls, port] = await Promise.all([loopbackCertificate(), freePort()]);
    influxd = await Influxd.start(join(project.folder, "influxdb"), tls, ADMIN);
    await project.mustPulumi("config", "set", "--secret", "influxAdmin", ADMIN.password);
    await project.manifests(manifests());
    await project.up();
    mosquitto = await Mosquitto.start(join(project.folder, "broker"), port, tls, await brokerFiles());
    telegraf = await startTelegraf();
  });
  afterAll(async () => {
    telegraf?.kill("SIGTERM");
    await mosquitto?.stop();
    await project?.[Symbol.asyncDispose]();
    await influxd?.stop();
  });

  async function brokerFiles() {
    const { passwordfile, aclfile } = await text(`${namespace}-broker-1`);
    return { passwordfile: passwordfile!, aclfile: aclfile! };
  }

  /** As its Deployment would: the ConfigMap as a folder, the two Secrets as its environment, nothing else. */
  async function startTelegraf(): Promise<ChildProcess> {
    const files = (await configMap(`${namespace}-telegraf`))!;
    const folder = join(project.folder, "telegraf");
    for (const [name, content] of Object.entries(files)) {
      await project.write(join("telegraf", name), content.replaceAll("/etc/telegraf", folder));
    }
    const env = { ...(await text("collector-mqtt")), ...(await text("collector-influx")) };
    const program = await ensureTelegraf();
    const child = spawn(program, ["--config", join(folder, "telegraf.conf"), "--strict-env-handling"], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream!.on("data", (chunk: Buffer) => (telegrafLog += chunk));
    }
    await until(
      () => telegrafLog.includes("Connected ["),
      () => telegrafLog,
    );
    return child;
  }

  /** A panel's query as Grafana sends it, with everything of the last hour and every device. */
  function sent(query: string): string {
    return query
      .replace("$timeFilter", "time > now() - 1h")
      .replace("$__interval", "1h")
      .replace(/\$\{device:regex\}/, ".*");
  }

  it("arrives: what a device publishes, the dashboard's own queries find as Grafana's user", async () => {
    for (const [name, values] of Object.entries({
      a: { temperature: "21.5", "not-a-sensor": "1" },
      b: { temperature: "-3", "wind-speed": "7.25" },
    })) {
      const secret = await text(`${name}-device`);
      const client = await mosquitto.connect({
        username: secret.MQTT_USERNAME!,
        password: secret.MQTT_PASSWORD!,
      });
      for (const [sensor, value] of Object.entries(values)) {
        await client.publishAsync(`${secret.MQTT_TOPIC}/${sensor}`, value, { qos: 1 });
      }
      await client.endAsync();
    }
    const dashboard = JSON.parse((await configMap(`${namespace}-dashboard`))![`${namespace}.json`]!);
    const grafana = influxd.as(await influxUser("grafana-influx"));
    const database = "fleet";
    const found: Record<string, unknown[]> = {};
    await until(
      async () => {
        for (const { title, targets } of dashboard.panels) {
          const rows = await grafana.query(sent(targets[0].query), database);
          found[title] = rows.map(({ mean }) => mean).filter((mean) => mean !== null);
        }
        return Object.values(found).flat().length === 3;
      },
      () => `${JSON.stringify(found)}\n${telegrafLog}`,
    );
    expect(found).toEqual({ temperature: [21.5, -3], "wind-speed": [7.25] });
    const [variable] = dashboard.templating.list;
    const devices = await grafana.query(variable.query, database);
    expect([...new Set(devices.map(({ value }) => value))].sort()).toEqual(["a", "b"]);
    expect(telegrafLog).not.toMatch(/ E! /);
  });

  it("lets Grafana's user read and nothing else, Telegraf's write and nothing else, and nobody else do anything", async () => {
    const admin = influxd.as(ADMIN);
    await admin.query('CREATE DATABASE "other"');
    const users = {
      telegraf: await influxUser("collector-influx"),
      grafana: await influxUser("grafana-influx"),
      nobody: undefined,
    };
    const attempts: Record<string, (user?: InfluxCredential) => Promise<boolean>> = {
      "read fleet": (user) => reads(user, "fleet"),
      "write fleet": (user) => writes(user, "fleet"),
      "read other": (user) => reads(user, "other"),
      "write other": (user) => writes(user, "other"),
      "drop a series": (user) => says(user, 'DROP SERIES FROM "temperature"', "fleet"),
      "drop the database": (user) => says(user, "DROP DATABASE fleet"),
      "make a database": (user) => says(user, "CREATE DATABASE mine"),
      "make a user": (user) => says(user, "CREATE USER me WITH PASSWORD 'x' WITH ALL PRIVILEGES"),
      "see the users": (user) => says(user, "SHOW USERS"),
      "give itself rights": (user) => says(user, `GRANT ALL TO ${identifier(user?.username ?? "x")}`),
      "change a password": (user) =>
        says(user, `SET PASSWORD FOR ${identifier(users.grafana.username)} = 'x'`),
    };
    const observed: Record<string, string[]> = {};
    for (const [name, user] of Object.entries(users)) {
      observed[name] = [];
      for (const [what, attempt] of Object.entries(attempts)) {
        if (await attempt(user)) observed[name].push(what);
      }
    }
    const allowed = (program: keyof typeof PRIVILEGES) => [`${PRIVILEGES[program].toLowerCase()} fleet`];
    // To InfluxDB 1.x dropping a series is writing.
    expect(observed).toEqual({
      telegraf: [...allowed("telegraf"), "drop a series"],
      grafana: allowed("grafana"),
      nobody: [],
    });
  });

  async function says(user: InfluxCredential | undefined, statement: string, database?: string) {
    try {
      await influxd.as(user).query(statement, database);
      return true;
    } catch (error) {
      if ([200, 401, 403].includes((error as InfluxRefusal).status)) return false;
      throw error;
    }
  }

  async function reads(user: InfluxCredential | undefined, database: string): Promise<boolean> {
    return says(user, 'SELECT * FROM "temperature" LIMIT 1', database);
  }

  async function writes(user: InfluxCredential | undefined, database: string): Promise<boolean> {
    const status = await new Promise<number>((resolve, reject) => {
      const call = request(
        `${influxd.server.url}/write?db=${database}`,
        {
          method: "POST",
          ca: influxd.server.ca,
          ...(user && { auth: `${user.username}:${user.password}` }),
        },
        (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode!));
        },
      );
      call.on("error", reject);
      call.end("attempt value=1");
    });
    if (![204, 401, 403].includes(status)) throw new Error(`write: status ${status}`);
    return status === 204;
  }

  it("changes nothing a second time, and puts right what somebody changed", async () => {
    expect(await project.up()).toEqual({});
    const { username } = await influxUser("grafana-influx");
    await influxd.as(ADMIN).query(`GRANT ALL ON "other" TO ${identifier(username)}`);
    await project.mustPulumi("refresh", "--yes");
    expect(await project.up()).toEqual({ update: 1 });
    expect(await influxd.as(ADMIN).grants(username)).toEqual({ fleet: "READ" });
  });

  it("gives Grafana's user another password with the next generation, and leaves Telegraf's alone", async () => {
    const [before, telegrafBefore] = [
      await influxUser("grafana-influx"),
      await influxUser("collector-influx"),
    ];
    await project.manifests(manifests({ telemetry: telemetry({ generation: 2 }) }));
    expect(await project.up()).toEqual({ update: 1 });
    const after = await influxUser("grafana-influx");
    expect(after.username).toBe(before.username);
    expect(await influxd.as(after).isKnown()).toBe(true);
    expect(await influxd.as(before).isKnown()).toBe(false);
    expect(await influxUser("collector-influx")).toEqual(telegrafBefore);
  });

  it("has left no password in the state, a ConfigMap, or a log of the servers", async () => {
    const secrets = await Promise.all(["collector-influx", "grafana-influx", "collector-mqtt"].map(text));
    const passwords = secrets.flatMap((secret) => [secret.INFLUXDB_PASSWORD, secret.MQTT_PASSWORD]);
    const { stdout: configMaps } = await project.kubectl("-n", namespace, "get", "configmaps", "-o", "json");
    const places = [await project.state(), configMaps, influxd.log, mosquitto.log, telegrafLog];
    for (const password of [ADMIN.password, ...passwords].filter((each) => each !== undefined)) {
      for (const place of places) expect(place.includes(password)).toBe(false);
    }
  });

  it("refuses a user whom it did not make, and a server without authentication, before it writes anything", async () => {
    const other = await TestProject.create();
    try {
      await other.mustPulumi("config", "set", "--secret", "influxAdmin", ADMIN.password);
      const name = other.id;
      await influxd.as(ADMIN).query(`CREATE USER "${name}_grafana" WITH PASSWORD 'of somebody else'`);
      const spec = { telemetry: { ...telemetry(), telegraf: undefined } };
      await other.manifests([cluster(name, spec)]);
      const refused = await other.pulumi("up", "--yes", "--skip-preview");
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stdout + refused.stderr).toContain(
        `has users whom this stack did not make: ${name}_grafana.`,
      );
      const foreign = { username: `${name}_grafana`, password: "of somebody else" };
      expect(await influxd.as(foreign).isKnown()).toBe(true);
      const open = await Influxd.start(join(other.folder, "open"), tls);
      const influxdb = { ...spec.telemetry.influxdb, url: open.server.url };
      await other.manifests([cluster(name, { telemetry: { ...spec.telemetry, influxdb } })]);
      const openToAll = await other.pulumi("up", "--yes", "--skip-preview");
      await open.stop();
      expect(openToAll.stdout + openToAll.stderr).toContain("takes everybody without a password");
      expect(await other.secret(name, "grafana-influx")).toBeUndefined();
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });

  it("goes with the declaration: users and Secrets, but not what was measured", async () => {
    await project.manifests(manifests({}));
    await project.up();
    expect(
      [...(await influxd.as(ADMIN).users()).keys()].filter((name) => name.startsWith(namespace)),
    ).toEqual([]);
    expect(await project.secret(namespace, "grafana-influx")).toBeUndefined();
    expect(await configMap(`${namespace}-dashboard`)).toBeUndefined();
    const rows = await influxd.as(ADMIN).query('SELECT * FROM "attempt"', "fleet");
    expect(rows.length).toBeGreaterThan(0);
  });
});

async function until(holds: () => Promise<boolean> | boolean, detail: () => string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited a minute: ${detail()}`);
    await sleep(250);
  }
}
