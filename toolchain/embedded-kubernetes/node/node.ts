// A real node for the embedded Kubernetes: scheduler, containerd and kubelet, in namespaces of their own that one
// kill ends. Starts processes, writes under .edgeflock/ and /run.
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type KubernetesApi } from "../../../kubernetes/api.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { type Progress, quiet } from "../../progress.ts";
import { lastLines } from "../../run-command.ts";
import { ensureTools, NODE_TOOL_NAMES, type Tool } from "../../tools.ts";
import { writePrivateFile } from "../../write-private-file.ts";
import { pkiPaths } from "../certificates.ts";
import { writeKubeconfig } from "../launch.ts";
import { type ClusterPaths, logFile, NODE_COMPONENTS } from "../paths.ts";
import { choosePort } from "../ports.ts";
import { isRunning, ownProcesses, startDetached, stopProcess } from "../processes.ts";
import { type ClusterState, readState, writeState } from "../state.ts";
import {
  cniConfigText,
  containerdConfigText,
  EMBEDDED_NODE_LABEL,
  initScript,
  KERNEL_SETTINGS,
  kubeletConfigText,
  NODE_NAME,
  schedulerArguments,
  unshareArguments,
} from "./configuration.ts";
import { loadPauseImage } from "./images.ts";
import { type NodePaths, nodePaths } from "./paths.ts";
import { type NodePrograms, nodePrograms } from "./prerequisites.ts";
import { makeGroups, removeRemains } from "./remains.ts";

export interface NodeOptions {
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

/** A loaded machine takes its time (ms). */
const READY_WITHIN = 120_000;
const LOOK_EVERY = 100;

type NodeTools = Record<(typeof NODE_TOOL_NAMES)[number], Tool>;

/** What a node needs, made ready: nothing of the cluster is touched before it is there. */
export async function prepareNode(
  options: NodeOptions,
): Promise<{ programs: NodePrograms; tools: NodeTools }> {
  return { programs: await nodePrograms(), tools: await ensureTools(NODE_TOOL_NAMES, options) };
}

/** Starts the node of a cluster that is up, and waits until pods run on it. Nothing is left of one that fails. */
export async function startNode(
  paths: ClusterPaths,
  { programs, tools }: { programs: NodePrograms; tools: NodeTools },
  options: NodeOptions = {},
): Promise<void> {
  const node = nodePaths(paths);
  const state = await readState(paths);
  if (!state) throw new Error("a node was asked for in a cluster that was never started");
  await stopNode(paths);
  const api = await connect({ kubeconfig: paths.kubeconfig });
  try {
    await forgetNode(api);
    await (options.progress ?? quiet).step("Starting a node", async (step) => {
      await writeConfiguration(paths, node, state, { programs, kubelet: tools.kubelet.path });
      await makeGroups(node);
      const unshare = unshareArguments(node);
      state.pids.node = await startDetached(programs.unshare, unshare, logFile(paths, "node"), paths.folder);
      const scheduler = tools["kube-scheduler"].path;
      const log = logFile(paths, "kube-scheduler");
      const words = schedulerArguments(node);
      state.pids["kube-scheduler"] = await startDetached(scheduler, words, log, paths.folder);
      await writeState(paths, state);
      step.note("containerd");
      await until("containerd", () => existsSync(node.socket), { paths, state, options });
      await loadPauseImage({ node, ctr: programs.ctr }, tools["edgeflock-pause"].path);
      step.note("kubelet");
      await until("kubelet", () => nodeIsReady(api), { paths, state, options });
      await markAsEmbedded(api);
    });
  } catch (error) {
    await stopNode(paths);
    throw error;
  }
}

/** Ends the node's processes and every pod on it, and removes what they leave. Does nothing where there is none. */
export async function stopNode(paths: ClusterPaths): Promise<void> {
  const own = (await ownProcesses(paths.folder)).filter(({ component }) => isOfNode(component));
  for (const running of own.reverse()) await stopProcess(running, paths.folder);
  const node = nodePaths(paths);
  if (own.length > 0 || existsSync(node.run)) await removeRemains(node);
}

export async function nodeRuns(paths: ClusterPaths): Promise<boolean> {
  const own = (await ownProcesses(paths.folder)).map(({ component }) => component);
  if (!NODE_COMPONENTS.every((component) => own.includes(component))) return false;
  const api = await connect({ kubeconfig: paths.kubeconfig });
  return await nodeIsReady(api).catch(() => false);
}

function isOfNode(component: string): boolean {
  return NODE_COMPONENTS.some((name) => name === component);
}

async function nodeIsReady(api: KubernetesApi): Promise<boolean> {
  const metadata = { name: NODE_NAME };
  const node = await api.getOrUndefined<NodeObject>({ apiVersion: "v1", kind: "Node", metadata });
  const ready = node?.status?.conditions?.find(({ type }) => type === "Ready");
  const blocked = (node?.spec?.taints ?? []).some(({ key }) => key.startsWith("node.kubernetes.io/"));
  return ready?.status === "True" && !blocked;
}

/** What an earlier node said of itself stands there still; its pods are gone with it. */
async function forgetNode(api: KubernetesApi): Promise<void> {
  const address = { apiVersion: "v1", kind: "Node", metadata: { name: NODE_NAME } };
  if (await api.getOrUndefined(address)) await api.delete(address);
}

async function markAsEmbedded(api: KubernetesApi): Promise<void> {
  const path = await api.pathOf({ apiVersion: "v1", kind: "Namespace", metadata: { name: "kube-system" } });
  const body = { metadata: { labels: { [EMBEDDED_NODE_LABEL]: "true" } } };
  await api.request("PATCH", path, { body, contentType: "application/merge-patch+json" });
}

interface NodeObject {
  spec?: { taints?: { key: string }[] };
  status?: { conditions?: { type: string; status: string }[] };
}

async function until(
  what: "containerd" | "kubelet",
  is: () => boolean | Promise<boolean>,
  { paths, state, options }: { paths: ClusterPaths; state: ClusterState; options: NodeOptions },
): Promise<void> {
  const deadline = Date.now() + READY_WITHIN;
  while (!(await is())) {
    options.signal?.throwIfAborted();
    for (const component of NODE_COMPONENTS) {
      const alive = await isRunning(state.pids[component] ?? 0, component, paths.folder);
      const program = component === "node" ? what : component;
      if (!alive) throw await notUp(paths, program, "ended while it was starting");
    }
    if (Date.now() > deadline) throw await notUp(paths, what, `is not ready after ${READY_WITHIN / 1000} s`);
    await sleep(LOOK_EVERY);
  }
}

async function notUp(paths: ClusterPaths, program: string, what: string): Promise<VisibleError> {
  const file = join(paths.logs, `${program}.log`);
  const text = (await readFile(file, "utf8").catch(() => "")).slice(-20_000);
  return new VisibleError(
    `The node did not come up: ${program} ${what}. Its last lines:${lastLines(text, 12)}`,
    {
      hint: `Read ${file}; "edgeflock cluster start" starts without a node.`,
    },
  );
}

async function writeConfiguration(
  paths: ClusterPaths,
  node: NodePaths,
  state: ClusterState,
  { programs, kubelet }: { programs: NodePrograms; kubelet: string },
): Promise<void> {
  const pki = pkiPaths(paths.pki);
  const { apiServer } = state.ports;
  for (const folder of [node.folder, node.cni, node.sysctl, node.run, node.kubeletRoot, node.kubeletMount]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  for (const log of ["containerd.log", "kubelet.log"]) {
    const file = join(paths.logs, log);
    await rename(file, `${file}.1`).catch(() => rm(file, { force: true }));
  }
  for (const [name, value] of Object.entries(KERNEL_SETTINGS)) {
    await writeFile(join(node.sysctl, name.replace("/", ".")), `${value}\n`, { mode: 0o644 });
  }
  await writeFile(join(node.cni, "10-lo.conf"), cniConfigText());
  await writeFile(node.containerdConfig, containerdConfigText(node, programs.cniPlugins));
  await writePrivateFile(node.kubeletConfig, kubeletConfigText(node, pki, await choosePort(undefined)));
  await writeKubeconfig(node.kubeletKubeconfig, pki, apiServer, "kubelet", "kubelet");
  await writeKubeconfig(node.schedulerKubeconfig, pki, apiServer, "scheduler", "kube-scheduler");
  await writeFile(node.init, initScript(node, paths, { containerd: programs.containerd, kubelet }));
}
