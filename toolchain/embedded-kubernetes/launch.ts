// One start of the cluster from a stopped state: certificates, configuration, three processes. Effects throughout.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { VisibleError } from "../../model/visible-error.ts";
import { type Progress, quiet } from "../progress.ts";
import { lastLines } from "../run-command.ts";
import { writePrivateFile } from "../write-private-file.ts";
import { type CertificateName, ensureCertificates, type Pki, splitPem } from "./certificates.ts";
import { componentArguments, encryptionConfigText, kubeconfigText, type Ports } from "./configuration.ts";
import { isReady } from "./health.ts";
import { type ClusterPaths, COMPONENTS, type Component, logFile } from "./paths.ts";
import { choosePorts } from "./ports.ts";
import { isRunning, ownProcesses, startDetached, stopProcess } from "./processes.ts";
import { type ClusterState, readState, writeState } from "./state.ts";

/** How long each process may take; a loaded machine with a large store needs some of it. */
const READY_WITHIN = 90_000;
const LOOK_EVERY = 50;
/** A port that was free a moment ago may be another's by now. */
const PORT_ATTEMPTS = 3;

interface LaunchOptions {
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

/** A process ended while it was waited for because its port was taken. */
class PortTaken extends Error {}

/** Starts all three; nothing of them is left running where that fails or is cancelled. */
export async function launch(
  paths: ClusterPaths,
  programs: Record<Component, string>,
  version: string,
  options: LaunchOptions,
): Promise<void> {
  const pki = await ensureCertificates(paths.pki);
  await ensureEncryptionKey(paths);
  let last = (await readState(paths))?.ports;
  for (let attempt = 1; ; attempt += 1) {
    const ports = await choosePorts(last);
    try {
      await writeKubeconfigs(paths, pki, ports);
      await startAll({ paths, programs, pki, ports, version, options });
      return;
    } catch (error) {
      for (const running of (await ownProcesses(paths.folder)).reverse())
        await stopProcess(running, paths.folder);
      if (!(error instanceof PortTaken) || attempt === PORT_ATTEMPTS) throw error;
      last = undefined;
    }
  }
}

interface Start {
  paths: ClusterPaths;
  programs: Record<Component, string>;
  pki: Pki;
  ports: Ports;
  version: string;
  options: LaunchOptions;
}

async function startAll(start: Start): Promise<void> {
  const { paths, programs, pki, ports, version, options } = start;
  const state: ClusterState = {
    folder: paths.folder,
    ports,
    version,
    startedAt: new Date().toISOString(),
    pids: {},
  };
  await (options.progress ?? quiet).step(`Starting the embedded Kubernetes ${version}`, async (step) => {
    for (const component of COMPONENTS) {
      step.note(component);
      const args = componentArguments(component, paths, pki, ports);
      const pid = await startDetached(programs[component], args, logFile(paths, component), paths.folder);
      state.pids[component] = pid;
      await writeState(paths, state);
      await untilReady(component, pid, start);
    }
  });
}

async function untilReady(component: Component, pid: number, start: Start): Promise<void> {
  const { paths, pki, ports, options } = start;
  const deadline = Date.now() + READY_WITHIN;
  while (!(await isReady(component, pki, ports))) {
    options.signal?.throwIfAborted();
    if (!(await isRunning(pid, component, paths.folder))) throw await endedEarly(component, paths);
    if (Date.now() > deadline) {
      throw await notUp(component, paths, `is not ready after ${READY_WITHIN / 1000} s`);
    }
    await sleep(LOOK_EVERY);
  }
}

async function endedEarly(component: Component, paths: ClusterPaths): Promise<Error> {
  const log = await readLog(component, paths);
  if (/address already in use/i.test(log)) return new PortTaken(`${component}: its port was taken`);
  return notUp(component, paths, "ended while it was starting");
}

async function notUp(component: Component, paths: ClusterPaths, what: string): Promise<VisibleError> {
  const log = await readLog(component, paths);
  return new VisibleError(
    `The embedded Kubernetes did not come up: ${component} ${what}. Its last lines:${lastLines(log, 12)}`,
    { hint: adviceFor(log, logFile(paths, component)) },
  );
}

/** What to do, as far as the log tells. */
export function adviceFor(log: string, file: string): string {
  if (/no space left on device|disk quota exceeded/i.test(log))
    return "Make room on this disk and start it again.";
  if (/too many open files/i.test(log))
    return 'Raise the limit of open files ("ulimit -n 65536") and start it again.';
  if (/permission denied|read-only file system/i.test(log)) {
    return "Make the folder .edgeflock and all in it writable for you, and start it again.";
  }
  if (/crc mismatch|corrupt|snap: (?:crc|no available)|walpb|unexpected EOF/i.test(log)) {
    return `The store is damaged (${file}). "edgeflock cluster reset" deletes it; the next "pulumi up --refresh" makes everything again.`;
  }
  return `Read ${file}; "edgeflock cluster reset" starts again with an empty cluster.`;
}

async function readLog(component: Component, paths: ClusterPaths): Promise<string> {
  return (await readFile(logFile(paths, component), "utf8").catch(() => "")).slice(-20_000);
}

/** The key that Secrets are stored under is made once: without it what is stored cannot be read. */
async function ensureEncryptionKey(paths: ClusterPaths): Promise<void> {
  if (existsSync(paths.encryption)) return;
  if (existsSync(join(paths.etcdData, "member"))) {
    throw new VisibleError(
      `The key that the embedded cluster's Secrets are encrypted with is missing: ${paths.encryption}.`,
      { hint: 'Put it back from a backup, or delete the cluster\'s data with "edgeflock cluster reset".' },
    );
  }
  await writePrivateFile(paths.encryption, encryptionConfigText(randomBytes(32)));
}

async function writeKubeconfigs(paths: ClusterPaths, pki: Pki, ports: Ports): Promise<void> {
  const { apiServer } = ports;
  await writeKubeconfig(paths.kubeconfig, pki, apiServer, "admin", "edgeflock-admin");
  const controllers = paths.controllerManagerKubeconfig;
  await writeKubeconfig(controllers, pki, apiServer, "controllerManager", "kube-controller-manager");
}

/** @param name of the client certificate that it holds */
export async function writeKubeconfig(
  path: string,
  pki: Pki,
  port: number,
  name: CertificateName,
  user: string,
): Promise<void> {
  const authority = await readFile(pki.authority, "utf8");
  const { key, certificate } = splitPem(await readFile(pki.certificates[name], "utf8"));
  await writePrivateFile(
    path,
    kubeconfigText({ name: "edgeflock", user, port, authority, certificate, key }),
  );
}
