// A real InfluxDB 1.x on 127.0.0.1 with TLS and authentication. Debian's package `influxdb` has it.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type InfluxCredential, InfluxDb, type InfluxServer } from "../../../dynamic-providers/influxdb.ts";
import { findOnPath } from "../../../toolchain/path-lookup.ts";
import { freePort, type Tls } from "../mosquitto.ts";

export async function findInfluxd(): Promise<string | undefined> {
  return (await findOnPath("influxd"))[0];
}

export class Influxd {
  readonly server: Required<InfluxServer>;
  readonly #process: ChildProcess;
  #log = "";

  private constructor(server: Required<InfluxServer>, process: ChildProcess) {
    this.server = server;
    this.#process = process;
    process.stderr?.on("data", (chunk: Buffer) => (this.#log += chunk));
    process.stdout?.on("data", (chunk: Buffer) => (this.#log += chunk));
  }

  /** @param admin its first user; without one, everybody may do everything */
  static async start(folder: string, tls: Tls, admin?: InfluxCredential): Promise<Influxd> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = (name: string) => JSON.stringify(join(folder, name));
    await writeFile(join(folder, "key.pem"), tls.key, { mode: 0o600 });
    await writeFile(join(folder, "certificate.pem"), tls.certificate);
    const [port, rpc] = [await freePort(), await freePort()];
    const config = `
reporting-disabled = true
bind-address = "127.0.0.1:${rpc}"
[meta]
  dir = ${file("meta")}
[data]
  dir = ${file("data")}
  wal-dir = ${file("wal")}
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  auth-enabled = ${admin !== undefined}
  log-enabled = true
  https-enabled = true
  https-certificate = ${file("certificate.pem")}
  https-private-key = ${file("key.pem")}
`;
    await writeFile(join(folder, "influxdb.conf"), config);
    const program = await findInfluxd();
    if (program === undefined) throw new Error("influxd is not there");
    const child = spawn(program, ["run", "-config", join(folder, "influxdb.conf")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const influxd = new Influxd({ url: `https://127.0.0.1:${port}`, ca: tls.certificate }, child);
    await influxd.#ready();
    if (admin) {
      const { username, password } = admin;
      await influxd.as().query(`CREATE USER "${username}" WITH PASSWORD '${password}' WITH ALL PRIVILEGES`);
    }
    return influxd;
  }

  get log(): string {
    return this.#log;
  }

  as(credential?: InfluxCredential): InfluxDb {
    return new InfluxDb(this.server, credential);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    await ended;
  }

  async #ready(): Promise<void> {
    const until = Date.now() + 30_000;
    for (;;) {
      try {
        await this.as().isKnown();
        return;
      } catch (error) {
        if (Date.now() > until || this.#process.exitCode !== null) {
          throw new Error(`influxd: ${this.#log}`, { cause: error });
        }
        await sleep(100);
      }
    }
  }
}
