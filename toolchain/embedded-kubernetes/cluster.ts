// The embedded Kubernetes of a project: start, stop, status, reset. Starts processes, writes under .edgeflock/.
import { existsSync } from "node:fs";
import { mkdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import { withFolderLock } from "../folder-lock.ts";
import { type Progress, quiet } from "../progress.ts";
import { stateFolder } from "../project-folder.ts";
import { ensureTools } from "../tools.ts";
import { pkiPaths } from "./certificates.ts";
import type { Ports } from "./configuration.ts";
import { isReady, serverVersion } from "./health.ts";
import { launch } from "./launch.ts";
import { nodeRuns, prepareNode, startNode, stopNode } from "./node/node.ts";
import { nodePaths } from "./node/paths.ts";
import { type ClusterPaths, COMPONENTS, type Component, clusterPaths } from "./paths.ts";
import { isRunning, ownProcesses, type RunningProcess, stopProcess } from "./processes.ts";
import { type ClusterState, readState } from "./state.ts";

export interface ClusterStatus {
  /** All three processes run and say that they are ready. */
  running: boolean;
  /** There is data that a start would bring back. */
  hasData: boolean;
  folder: string;
  kubeconfig: string;
  logs: string;
  server?: string;
  version?: string;
  startedAt?: string;
  components: { name: Component; pid?: number; ready: boolean }[];
  /** Whether pods run on it: a node was asked for, and is ready. */
  node: boolean;
}

export interface ClusterOptions {
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

export interface StartOptions extends ClusterOptions {
  /** A real node as well, on which pods run; needs root, containerd and runc. One that runs already stays. */
  node?: boolean;
}

/**
 * Brings the cluster up and waits until it answers and its controllers work. Does nothing where it is up already.
 * Its processes live on when this one ends.
 *
 * @throws VisibleError with the last lines of the log where it does not come up
 */
export async function start(projectFolder: string, options: StartOptions = {}): Promise<ClusterStatus> {
  const paths = await prepareFolder(projectFolder);
  const isUp = (status: ClusterStatus): boolean => status.running && (status.node || !options.node);
  const now = await statusOf(paths);
  if (isUp(now)) return now;
  const tools = await ensureTools(COMPONENTS, options);
  const forNode = options.node ? await prepareNode(options) : undefined;
  await withFolderLock(paths.lock, lockOptions("starting", options), async () => {
    const before = await statusOf(paths);
    if (!before.running) {
      await stopAll(paths);
      const programs = Object.fromEntries(COMPONENTS.map((name) => [name, tools[name].path]));
      await launch(paths, programs as Record<Component, string>, tools["kube-apiserver"].version, options);
    }
    if (forNode && !(await nodeRuns(paths))) await startNode(paths, forNode, options);
  });
  return statusOf(paths);
}

/** Ends the cluster's processes; its data stays. Does nothing where none runs. */
export async function stop(projectFolder: string, options: ClusterOptions = {}): Promise<ClusterStatus> {
  const paths = await existingPaths(projectFolder);
  if (existsSync(paths.folder)) {
    const progress = options.progress ?? quiet;
    await withFolderLock(paths.lock, lockOptions("stopping", options), () =>
      progress.step("Stopping the embedded Kubernetes", () => stopAll(paths)),
    );
  }
  return statusOf(paths);
}

/** Stops the cluster and deletes all that it holds, its keys and ports included. */
export async function reset(projectFolder: string, options: ClusterOptions = {}): Promise<void> {
  const paths = await existingPaths(projectFolder);
  if (!existsSync(paths.folder)) return;
  await withFolderLock(paths.lock, lockOptions("resetting", options), async () => {
    await stopAll(paths);
    const { folder: node } = nodePaths(paths);
    for (const path of [paths.etcdData, paths.kubeconfig, paths.state, paths.pki, paths.logs, node]) {
      await rm(path, { recursive: true, force: true });
    }
  });
}

/** What runs, and whether it is ready. Changes nothing. */
export async function status(projectFolder: string): Promise<ClusterStatus> {
  return statusOf(await existingPaths(projectFolder));
}

async function statusOf(paths: ClusterPaths): Promise<ClusterStatus> {
  const state = await readState(paths);
  const pki = pkiPaths(paths.pki);
  const running = await ownProcesses(paths.folder);
  const components = await Promise.all(
    COMPONENTS.map(async (name) => {
      const pid = running.find((process) => process.component === name)?.pid;
      if (pid === undefined || !state) return { name, ready: false };
      return { name, pid, ready: await isReady(name, pki, state.ports) };
    }),
  );
  const up = components.every((component) => component.ready);
  const version = state && components[1]?.ready ? await serverVersion(pki, state.ports) : undefined;
  return {
    running: up,
    hasData: existsSync(join(paths.etcdData, "member")),
    folder: paths.folder,
    kubeconfig: paths.kubeconfig,
    logs: paths.logs,
    ...(state ? { server: serverAddress(state.ports), startedAt: state.startedAt } : {}),
    ...(version === undefined ? {} : { version }),
    components,
    node: up && (await nodeRuns(paths)),
  };
}

/** The store goes last: the others write to it until their end. */
async function stopAll(paths: ClusterPaths): Promise<void> {
  await stopNode(paths);
  const moved = await processesFromBeforeMove(await readState(paths));
  for (const component of [...COMPONENTS].reverse()) {
    for (const running of (await ownProcesses(paths.folder)).filter((p) => p.component === component)) {
      await stopProcess(running, paths.folder);
    }
    for (const running of moved.processes.filter((p) => p.component === component)) {
      await stopProcess(running, moved.folder);
    }
  }
}

/**
 * A checkout that was moved while its cluster ran has processes that name the old folder. They are ours if that
 * folder is gone; where it is still there, this is a copy, and the processes are the original's.
 */
async function processesFromBeforeMove(
  state: ClusterState | undefined,
): Promise<{ folder: string; processes: RunningProcess[] }> {
  const processes: RunningProcess[] = [];
  if (!state || existsSync(state.folder)) return { folder: "", processes };
  for (const component of COMPONENTS) {
    const pid = state.pids[component];
    if (pid !== undefined && (await isRunning(pid, component, state.folder)))
      processes.push({ pid, component });
  }
  return { folder: state.folder, processes };
}

async function prepareFolder(projectFolder: string): Promise<ClusterPaths> {
  try {
    await stateFolder(await realpath(projectFolder));
    const paths = await existingPaths(projectFolder);
    for (const folder of [paths.folder, paths.pki, paths.logs])
      await mkdir(folder, { recursive: true, mode: 0o700 });
    return paths;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code) throw error;
    throw new VisibleError(
      `The embedded Kubernetes cannot keep its data in ${projectFolder}/.edgeflock: ${message}.`,
      {
        hint: "The folder must be writable, on a disk with room; on a network drive use a checkout on a local one.",
        cause: error,
      },
    );
  }
}

/** By its real name: two ways to one folder are one cluster. */
async function existingPaths(projectFolder: string): Promise<ClusterPaths> {
  return clusterPaths(await realpath(projectFolder));
}

function serverAddress(ports: Ports): string {
  return `https://127.0.0.1:${ports.apiServer}`;
}

function lockOptions(what: string, options: ClusterOptions) {
  return { what: `${what} this project's embedded Kubernetes`, ...options };
}
