// A real Mosquitto on 127.0.0.1 with TLS, on files that a test gives it. Debian's package `mosquitto` has it.
import { type ChildProcess, spawn } from "node:child_process";
import { webcrypto } from "node:crypto";
import { access, chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import "reflect-metadata";

/** What the broker takes its users from. */
export interface BrokerFiles {
  passwordfile: string;
  aclfile: string;
  /**
   * PEM; with these it lets nobody in who has no certificate. Its common name is the user's, unless everybody has to say
   * a name and a password besides.
   */
  certificates?: { authority: string; revoked: string; andPassword?: boolean };
}

export interface Tls {
  key: string;
  certificate: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY = 86_400_000;

/** A certificate that signs itself. @param names its alternative names; default 127.0.0.1 */
export async function loopbackCertificate(
  names: { type: "ip" | "dns"; value: string }[] = [{ type: "ip", value: "127.0.0.1" }],
): Promise<Tls> {
  const x509 = await import("@peculiar/x509");
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${names[0]?.value ?? "nobody"}`,
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + DAY),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectAlternativeNameExtension(names),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    certificate: `${certificate.toString("pem")}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`,
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Debian puts it where only root's PATH looks. */
export async function findMosquitto(): Promise<string | undefined> {
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"]) {
    const path = join(folder, "mosquitto");
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

/** Debian and others put it with the libraries. */
export async function findDynsecPlugin(): Promise<string | undefined> {
  for (const folder of [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib",
    "/usr/lib64",
  ]) {
    const path = join(folder, "mosquitto_dynamic_security.so");
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

export class Mosquitto {
  /** With an ACL file it takes every subscription, and keeps back what comes by it. */
  readonly strict: boolean;
  readonly #folder: string;
  readonly #port: number;
  readonly #tls: Tls;
  readonly #process: ChildProcess;
  #log = "";

  private constructor(folder: string, port: number, tls: Tls, process: ChildProcess, strict: boolean) {
    this.strict = strict;
    this.#folder = folder;
    this.#port = port;
    this.#tls = tls;
    this.#process = process;
    process.stderr?.on("data", (chunk: Buffer) => (this.#log += chunk));
    process.stdout?.on("data", (chunk: Buffer) => (this.#log += chunk));
  }

  static async start(folder: string, port: number, tls: Tls, files: BrokerFiles): Promise<Mosquitto> {
    await privateFolder(folder);
    await write(folder, "passwordfile", files.passwordfile);
    await write(folder, "aclfile", files.aclfile);
    const config = { password_file: join(folder, "passwordfile"), acl_file: join(folder, "aclfile") };
    const { certificates } = files;
    if (certificates === undefined) return Mosquitto.#launch(folder, port, tls, config, false);
    await write(folder, "authority.pem", certificates.authority);
    await write(folder, "revoked.pem", certificates.revoked);
    const byCertificate = {
      cafile: join(folder, "authority.pem"),
      crlfile: join(folder, "revoked.pem"),
      require_certificate: "true",
      use_identity_as_username: String(!certificates.andPassword),
    };
    return Mosquitto.#launch(folder, port, tls, { ...config, ...byCertificate }, false);
  }

  /** @param users what the plugin begins with, in its own form; it keeps what is changed in the same file */
  static async startDynsec(folder: string, port: number, tls: Tls, users: object): Promise<Mosquitto> {
    await privateFolder(folder);
    const file = join(folder, "dynamic-security.json");
    await write(folder, "dynamic-security.json", JSON.stringify(users));
    const plugin = await findDynsecPlugin();
    if (plugin === undefined) throw new Error("mosquitto_dynamic_security.so is not there");
    return Mosquitto.#launch(folder, port, tls, { plugin, plugin_opt_config_file: file }, true);
  }

  static async #launch(
    folder: string,
    port: number,
    tls: Tls,
    access: Record<string, string>,
    strict: boolean,
  ): Promise<Mosquitto> {
    await write(folder, "key.pem", tls.key);
    await write(folder, "certificate.pem", tls.certificate);
    const config = {
      user: userInfo().username,
      listener: `${port} 127.0.0.1`,
      keyfile: join(folder, "key.pem"),
      certfile: join(folder, "certificate.pem"),
      allow_anonymous: false,
      ...access,
      sys_interval: 1,
      max_queued_messages: 10_000,
    };
    const lines = Object.entries(config).map(([key, value]) => `${key} ${value}\n`);
    await write(folder, "mosquitto.conf", lines.join(""));
    const program = await findMosquitto();
    if (program === undefined) throw new Error("mosquitto is not there");
    const child = spawn(program, ["-c", join(folder, "mosquitto.conf"), "-v"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const broker = new Mosquitto(folder, port, tls, child, strict);
    await broker.#logged("running");
    return broker;
  }

  get log(): string {
    return this.#log;
  }

  /** Writes new files and tells the running broker to read them, as its manual says: by SIGHUP. */
  async reload(files: BrokerFiles): Promise<void> {
    await writeFile(join(this.#folder, "passwordfile"), files.passwordfile);
    await writeFile(join(this.#folder, "aclfile"), files.aclfile);
    const revoked = files.certificates?.revoked;
    if (revoked !== undefined) await writeFile(join(this.#folder, "revoked.pem"), revoked);
    const before = this.#log.length;
    this.#process.kill("SIGHUP");
    await this.#logged("Reloading config", before);
  }

  /** Connects with TLS, its certificate verified. @throws where the broker refuses */
  async connect(options: IClientOptions): Promise<MqttClient> {
    return connectAsync(`mqtts://127.0.0.1:${this.#port}`, {
      protocolVersion: 5,
      ca: this.#tls.certificate,
      reconnectPeriod: 0,
      ...options,
    });
  }

  /** Resident, in MiB. */
  async memory(): Promise<number> {
    const status = await readFile(`/proc/${this.#process.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    await ended;
  }

  async #logged(text: string, after = 0): Promise<void> {
    const until = Date.now() + 20_000;
    while (!this.#log.slice(after).includes(text)) {
      if (Date.now() > until || this.#process.exitCode !== null) throw new Error(`mosquitto: ${this.#log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700);
}

function write(folder: string, name: string, text: string): Promise<void> {
  return writeFile(join(folder, name), text, { mode: 0o600 });
}
