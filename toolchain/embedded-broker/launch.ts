// Starts a project's own broker as a process that outlives this one: Mosquitto where it is there, else aedes.
// Writes its configuration and log.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { processIdentity } from "../../builders/process-identity.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { writePrivateFile } from "../write-private-file.ts";
import type { BrokerPaths } from "./paths.ts";
import type { BrokerState, Program } from "./state.ts";

const READY_WITHIN = 20_000;
const LOOK_EVERY = 50;
const SHOWN_LINES = 10;

/** Debian puts it where only root's PATH looks. */
export function findMosquitto(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "mosquitto")).find((path) => existsSync(path));
}

/** @throws VisibleError with the end of its log where it does not come up */
export async function launch(paths: BrokerPaths, program: Program, port: number): Promise<BrokerState> {
  const [command, args] = await commandLine(paths, program, port);
  const log = await open(paths.log, "w", 0o600);
  try {
    const child = spawn(command, args, {
      detached: true,
      cwd: paths.folder,
      stdio: ["ignore", log.fd, log.fd],
      // Nothing of the caller's environment, which may hold secrets.
      env: { PATH: process.env.PATH, HOME: process.env.HOME },
    });
    child.unref();
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("spawn", resolve);
    });
    const pid = child.pid!;
    const identity = processIdentity(pid);
    await ready(paths, port, () => child.exitCode !== null || child.signalCode !== null, pid);
    return { program, port, pid, identity, startedAt: new Date().toISOString() };
  } finally {
    await log.close();
  }
}

async function commandLine(
  paths: BrokerPaths,
  program: Program,
  port: number,
): Promise<[command: string, args: string[]]> {
  if (program === "aedes") {
    const args = ["broker", "run", "--folder", paths.folder, "--port", String(port)];
    return [process.execPath, [edgeflockProgram(), ...args]];
  }
  const config = {
    user: userInfo().username,
    listener: `${port} 127.0.0.1`,
    keyfile: paths.key,
    certfile: paths.certificate,
    allow_anonymous: false,
    password_file: paths.passwordfile,
    acl_file: paths.aclfile,
    persistence: false,
    log_type: "error\nlog_type warning\nlog_type notice",
  };
  const lines = Object.entries(config).map(([key, value]) => `${key} ${value}\n`);
  await writePrivateFile(paths.config, lines.join(""));
  return [findMosquitto()!, ["-c", paths.config]];
}

/** `bin/edgeflock.mjs` of this checkout or of the installed package, whose modules are one folder deeper. */
function edgeflockProgram(): string {
  const candidates = ["../../bin/edgeflock.mjs", "../../../bin/edgeflock.mjs"];
  const paths = candidates.map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? paths[0]!;
}

async function ready(paths: BrokerPaths, port: number, ended: () => boolean, pid: number): Promise<void> {
  const deadline = Date.now() + READY_WITHIN;
  while (!(await listens(port)) || ended()) {
    if (ended() || Date.now() > deadline) {
      if (!ended()) process.kill(pid, "SIGTERM");
      const log = (await readFile(paths.log, "utf8").catch(() => "")).trim().split("\n");
      throw new VisibleError(`The broker did not come up:\n${log.slice(-SHOWN_LINES).join("\n")}`);
    }
    await sleep(LOOK_EVERY);
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}
