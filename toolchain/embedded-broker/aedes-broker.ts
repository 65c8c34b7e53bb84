// A small broker for where no Mosquitto is: aedes, over TLS on 127.0.0.1, with Mosquitto's own password and ACL files.
// MQTT 3.1.1. Keeps sessions and retained messages in memory. Reads files; opens a port.
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:tls";
import { Aedes, type AuthenticateError, type Client } from "aedes";
import { isPassword, type KnownUser, mayDo, readAccessFiles } from "./access-files.ts";
import type { BrokerPaths } from "./paths.ts";

/** CONNACK's return code for a wrong name or password. */
const BAD_CREDENTIALS = 4;

export class AedesBroker {
  readonly #paths: BrokerPaths;
  readonly #aedes: Aedes;
  readonly #server: Server;
  #users: Map<string, KnownUser>;
  /** Whom each connection logged in as, with the password line of then; its will is asked about when it has left. */
  readonly #logins = new WeakMap<Client, { username: string; password: string }>();
  readonly #connected = new Set<Client>();

  private constructor(
    paths: BrokerPaths,
    users: Map<string, KnownUser>,
    aedes: Aedes,
    tls: { key: Buffer; cert: Buffer },
  ) {
    this.#paths = paths;
    this.#users = users;
    this.#aedes = aedes;
    this.#server = createServer(tls, (socket) => aedes.handle(socket));
    this.#server.on("tlsClientError", () => undefined);
    aedes.on("clientDisconnect", (client) => this.#connected.delete(client));
    // A client that breaks off, or tries what it may not, ends its own connection and nothing else.
    aedes.on("clientError", () => undefined);
    aedes.on("connectionError", () => undefined);
    aedes.authenticate = (client, username, password, done) => {
      this.#authenticate(client, username, password).then(
        (known) => (known ? done(null, true) : done(badCredentials(), false)),
        () => done(badCredentials(), false),
      );
    };
    aedes.authorizePublish = (client, { topic }, done) => {
      done(client !== null && this.#may(client, "write", topic) ? null : new Error("not authorized"));
    };
    // As Mosquitto: every subscription is taken, and what comes by it is what the rights allow.
    aedes.authorizeSubscribe = (_client, subscription, done) => done(null, subscription);
    aedes.authorizeForward = (client, packet) => (this.#may(client, "read", packet.topic) ? packet : null);
  }

  /** @throws VisibleError for a file that is not understood; an Error where the port is taken */
  static async start(paths: BrokerPaths, port: number): Promise<AedesBroker> {
    const users = await readUsers(paths);
    const [key, cert] = await Promise.all([readFile(paths.key), readFile(paths.certificate)]);
    const aedes = await Aedes.createBroker();
    const broker = new AedesBroker(paths, users, aedes, { key, cert });
    await new Promise<void>((resolve, reject) => {
      broker.#server.once("error", reject);
      broker.#server.listen(port, "127.0.0.1", resolve);
    });
    return broker;
  }

  /** Reads the files again; whoever is gone, or has another password or other rights, is cut off. */
  async reload(): Promise<void> {
    const before = this.#users;
    this.#users = await readUsers(this.#paths);
    for (const client of [...this.#connected]) {
      const { username, password } = this.#logins.get(client)!;
      const user = this.#users.get(username);
      const sameRights = JSON.stringify(user?.rights) === JSON.stringify(before.get(username)?.rights);
      if (user?.password !== password || !sameRights) client.close();
    }
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()));
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #authenticate(
    client: Client,
    username: string | undefined,
    password: Uint8Array | undefined,
  ): Promise<boolean> {
    const user = username === undefined ? undefined : this.#users.get(username);
    if (!user || username === undefined || password === undefined) return false;
    if (!(await isPassword(user, password))) return false;
    this.#logins.set(client, { username, password: user.password });
    this.#connected.add(client);
    return true;
  }

  #may(client: Client, want: "read" | "write", topic: string): boolean {
    const login = this.#logins.get(client);
    const user = login && this.#users.get(login.username);
    return user !== undefined && mayDo(user, want, topic);
  }
}

async function readUsers({ passwordfile, aclfile }: BrokerPaths): Promise<Map<string, KnownUser>> {
  const [passwords, acl] = await Promise.all([readFile(passwordfile, "utf8"), readFile(aclfile, "utf8")]);
  return readAccessFiles(passwords, acl);
}

function badCredentials(): AuthenticateError {
  return Object.assign(new Error("not authorized"), { returnCode: BAD_CREDENTIALS as 4 });
}
