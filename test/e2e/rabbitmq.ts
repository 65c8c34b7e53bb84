// A real RabbitMQ with its MQTT and management plugins on 127.0.0.1, both with TLS. Debian's package `rabbitmq-server`
// has it. Runs as a child with all its files in one folder, with an epmd of its own; nothing listens elsewhere.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { access, mkdir, writeFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { HASHING, passwordHash, SALT_BYTES } from "../../builders/rabbitmq/password-hash.ts";
import type { Login } from "./broker-fleet.ts";
import type { TestBroker } from "./broker-matrix.ts";
import { freePort, type Tls } from "./mosquitto.ts";

/** Debian's wrapper on the PATH wants to be root or the user rabbitmq; what it calls does not. */
const PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server";

export async function findRabbitmq(): Promise<string | undefined> {
  return access(PROGRAM).then(
    () => PROGRAM,
    () => undefined,
  );
}

export class Rabbitmq implements TestBroker {
  readonly strict = true;
  readonly lag = 300;
  readonly endsConnections = true;
  readonly mqttPort: number;
  /** Of the management API. */
  readonly url: string;
  readonly #tls: Tls;
  readonly #admin: Login;
  readonly #processes: ChildProcess[];

  private constructor(mqttPort: number, url: string, tls: Tls, admin: Login, processes: ChildProcess[]) {
    this.mqttPort = mqttPort;
    this.url = url;
    this.#tls = tls;
    this.#admin = admin;
    this.#processes = processes;
  }

  /**
   * @param definitions files that it loads when it starts, beside one with the administrator
   * @param authority PEM; with it nobody gets in by MQTT who has no certificate of it, whose common name is the user's
   */
  static async start(
    folder: string,
    tls: Tls,
    admin: Login,
    definitions: Record<string, string> = {},
    authority?: string,
  ): Promise<Rabbitmq> {
    await mkdir(join(folder, "definitions"), { recursive: true, mode: 0o700 });
    const write = (name: string, text: string) => writeFile(join(folder, name), text, { mode: 0o600 });
    await write("key.pem", tls.key);
    await write("certificate.pem", tls.certificate);
    if (authority !== undefined) await write("authority.pem", authority);
    const loads = Object.keys(definitions).length > 0;
    const all = { ...definitions, ...(loads && { "administrator.json": administrator(admin) }) };
    for (const [name, text] of Object.entries(all)) await write(join("definitions", name), text);
    const [amqp, dist, mqtt, management, epmd] = await Promise.all(Array.from({ length: 5 }, freePort));
    const files = { certfile: join(folder, "certificate.pem"), keyfile: join(folder, "key.pem") };
    const config = {
      "listeners.tcp.1": `127.0.0.1:${amqp}`,
      "mqtt.listeners.tcp": "none",
      "mqtt.listeners.ssl.1": `127.0.0.1:${mqtt}`,
      "mqtt.allow_anonymous": "false",
      "ssl_options.certfile": files.certfile,
      "ssl_options.keyfile": files.keyfile,
      "management.ssl.ip": "127.0.0.1",
      "management.ssl.port": management,
      "management.ssl.certfile": files.certfile,
      "management.ssl.keyfile": files.keyfile,
      default_user: admin.username,
      default_pass: admin.password,
      "default_user_tags.administrator": "true",
      ...(loads && { load_definitions: join(folder, "definitions") }),
      ...(authority !== undefined && {
        "ssl_options.cacertfile": join(folder, "authority.pem"),
        "ssl_options.verify": "verify_peer",
        "ssl_options.fail_if_no_peer_cert": "true",
        "mqtt.ssl_cert_login": "true",
        ssl_cert_login_from: "common_name",
      }),
    };
    await write(
      "rabbitmq.conf",
      Object.entries(config)
        .map(([key, value]) => `${key} = ${value}\n`)
        .join(""),
    );
    await write("enabled_plugins", "[rabbitmq_management,rabbitmq_mqtt].\n");
    const environment = {
      PATH: process.env.PATH,
      HOME: folder,
      ERL_EPMD_ADDRESS: "127.0.0.1",
      ERL_EPMD_PORT: String(epmd),
      RABBITMQ_NODENAME: `edgeflock-${randomBytes(4).toString("hex")}@localhost`,
      RABBITMQ_DIST_PORT: String(dist),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
      RABBITMQ_MNESIA_BASE: join(folder, "mnesia"),
      RABBITMQ_LOG_BASE: join(folder, "log"),
      RABBITMQ_LOGS: "-",
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "enabled_plugins"),
      RABBITMQ_CONFIG_FILE: join(folder, "rabbitmq.conf"),
      RABBITMQ_CONF_ENV_FILE: "/dev/null",
      RABBITMQ_PID_FILE: join(folder, "pid"),
      RABBITMQ_FEATURE_FLAGS_FILE: join(folder, "feature_flags"),
    };
    const epmdProcess = spawn("epmd", ["-address", "127.0.0.1", "-port", String(epmd)], { stdio: "ignore" });
    await answers(epmd!, epmdProcess, () => "epmd");
    let log = "";
    const server = spawn(PROGRAM, [], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    server.stdout.on("data", (chunk: Buffer) => (log += chunk));
    server.stderr.on("data", (chunk: Buffer) => (log += chunk));
    const broker = new Rabbitmq(mqtt!, `https://127.0.0.1:${management}`, tls, admin, [server, epmdProcess]);
    try {
      await until(
        () => log.includes("Server startup complete"),
        server,
        () => log,
      );
    } catch (error) {
      await broker.stop();
      throw error;
    }
    return broker;
  }

  /** Connects with TLS, its certificate verified. @throws where the broker refuses */
  async connect(options: IClientOptions): Promise<MqttClient> {
    return connectAsync(
      `mqtts://127.0.0.1:${this.mqttPort}`,
      // RabbitMQ 3 speaks no MQTT 5.
      { protocolVersion: 4, ca: this.#tls.certificate, reconnectPeriod: 0, ...options },
      false,
    );
  }

  /** Asks the management API as its administrator, as `curl` would. */
  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { HttpApi } = await import("../../dynamic-providers/live-broker/http-api.ts");
    const api = new HttpApi({ kind: "rabbitmq", url: this.url, ca: this.#tls.certificate }, this.#admin);
    try {
      return await api.json<T>(method, path, body);
    } finally {
      api.close();
    }
  }

  async stop(): Promise<void> {
    for (const child of this.#processes) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    }
  }
}

/** With definitions to load RabbitMQ makes no default user. */
function administrator({ username, password }: Login): string {
  const hash = passwordHash(password, randomBytes(SALT_BYTES));
  const tags = ["administrator"];
  return JSON.stringify({
    users: [{ name: username, password_hash: hash, hashing_algorithm: HASHING.sha256, tags, limits: {} }],
    permissions: [{ user: username, vhost: "/", configure: ".*", write: ".*", read: ".*" }],
  });
}

async function answers(port: number, child: ChildProcess, what: () => string): Promise<void> {
  let open = false;
  const look = () =>
    new Promise<boolean>((resolve) => {
      const socket = connectTcp(port, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("close", () => undefined);
      socket.unref();
      setTimeout(() => socket.destroy(), 100);
    });
  const poll = setInterval(() => void look().then((yes) => (open ||= yes)), 100);
  try {
    await until(() => open, child, what);
  } finally {
    clearInterval(poll);
  }
}

async function until(done: () => boolean, child: ChildProcess, what: () => string): Promise<void> {
  const end = Date.now() + 180_000;
  while (!done()) {
    if (Date.now() > end || child.exitCode !== null) throw new Error(`did not start: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
