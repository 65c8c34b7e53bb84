// The broker of a project's own: start, stop, status, new users. Starts a process, writes under .edgeflock/broker/.
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { VisibleError } from "../../model/visible-error.ts";
import { choosePort } from "../embedded-kubernetes/ports.ts";
import { withFolderLock } from "../folder-lock.ts";
import { type Progress, quiet } from "../progress.ts";
import { stateFolder } from "../project-folder.ts";
import { writePrivateFile } from "../write-private-file.ts";
import { ensureCertificates } from "./certificates.ts";
import { findMosquitto, launch } from "./launch.ts";
import { brokerPaths } from "./paths.ts";
import { type Program, readState, runs, writeState } from "./state.ts";

export interface BrokerStatus {
  running: boolean;
  folder: string;
  program?: Program;
  pid?: number;
  /** `mqtts://127.0.0.1:port`, also of one that was stopped: the port stays. */
  url?: string;
  /** Path of the certificate that signs the broker's. */
  ca: string;
  log: string;
  startedAt?: string;
}

export interface BrokerOptions {
  progress?: Progress;
  /** Which one to start; default Mosquitto where it is there. */
  program?: Program;
}

/** Mosquitto's two files. */
export interface AccessFiles {
  passwordfile: string;
  aclfile: string;
}

const GRACE = 10_000;

/**
 * Brings it up on 127.0.0.1 with TLS, with the users that it had last; at first with none. Does nothing where it runs.
 * Its port and its certificate stay from start to start.
 */
export async function startBroker(project: string, options: BrokerOptions = {}): Promise<BrokerStatus> {
  await stateFolder(project);
  const paths = brokerPaths(project);
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  await chmod(paths.folder, 0o700);
  const progress = options.progress ?? quiet;
  await withFolderLock(paths.lock, { what: "starting the broker", progress }, async () => {
    const last = await readState(paths);
    if (runs(last)) return;
    const program = options.program ?? (findMosquitto() ? "mosquitto" : "aedes");
    if (program === "mosquitto" && !findMosquitto()) {
      throw new VisibleError("There is no Mosquitto here.", {
        hint: 'Install your system\'s package "mosquitto", or start the other one: --program aedes.',
      });
    }
    await ensureCertificates(paths);
    for (const file of [paths.passwordfile, paths.aclfile]) {
      if (!existsSync(file)) await writePrivateFile(file, "");
    }
    await progress.step("Starting the broker", async () =>
      writeState(paths, await launch(paths, program, await choosePort(last?.port))),
    );
  });
  return brokerStatus(project);
}

/** Ends it; users, port and certificate stay. Does nothing where it does not run. */
export async function stopBroker(project: string): Promise<void> {
  const paths = brokerPaths(project);
  if (!existsSync(paths.folder)) return;
  await withFolderLock(paths.lock, { what: "stopping the broker" }, async () => {
    const state = await readState(paths);
    if (!state || !runs(state)) return;
    send(state.pid, "SIGTERM");
    const deadline = Date.now() + GRACE;
    while (runs(state)) {
      if (Date.now() > deadline) send(state.pid, "SIGKILL");
      await sleep(50);
    }
  });
}

/** Stops it and deletes its users and keys. */
export async function removeBroker(project: string): Promise<void> {
  await stopBroker(project);
  await rm(brokerPaths(project).folder, { recursive: true, force: true });
}

export async function brokerStatus(project: string): Promise<BrokerStatus> {
  const paths = brokerPaths(project);
  const state = await readState(paths);
  const running = state !== undefined && runs(state);
  return {
    running,
    folder: paths.folder,
    ca: paths.ca,
    log: paths.log,
    ...(state && { program: state.program, url: `mqtts://127.0.0.1:${state.port}` }),
    ...(running && { pid: state.pid, startedAt: state.startedAt }),
  };
}

/** Gives it these users, and those who are gone are cut off. Resolves to whether anything changed. */
export async function setUsers(project: string, files: AccessFiles): Promise<boolean> {
  const paths = brokerPaths(project);
  const changed = await writeAccessFiles(paths.folder, files);
  const state = await readState(paths);
  if (changed && state && runs(state)) send(state.pid, "SIGHUP");
  return changed;
}

/**
 * Each file is replaced whole: who is revoked first, and the rights before the passwords, as a user without a password
 * has none. Resolves to whether anything changed.
 */
export async function writeAccessFiles(
  folder: string,
  { aclfile, passwordfile, certificates = {} }: AccessFiles & { certificates?: Record<string, string> },
): Promise<boolean> {
  let changed = false;
  for (const [name, text] of Object.entries({ ...certificates, aclfile, passwordfile })) {
    const path = join(folder, name);
    const before = await readFile(path, "utf8").catch(() => undefined);
    if (before === text) continue;
    await writePrivateFile(path, text);
    changed = true;
  }
  return changed;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
