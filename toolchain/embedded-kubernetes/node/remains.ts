// What a node leaves behind when it is killed: control groups, sockets, the folders of pods. Removes its own only.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodePaths } from "./paths.ts";

const CGROUPS = "/sys/fs/cgroup";
/** Processes that were killed take a moment to be gone (ms). */
const PATIENCE = 10_000;

/** The node's own group in each hierarchy; one in all where the machine has version 2. */
async function ownGroups(node: NodePaths): Promise<string[]> {
  if (existsSync(join(CGROUPS, "cgroup.controllers"))) return [join(CGROUPS, node.cgroup)];
  const hierarchies = await readdir(CGROUPS, { withFileTypes: true }).catch(() => []);
  return hierarchies
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(CGROUPS, name, node.cgroup))
    .filter((group) => existsSync(join(group, "..", "cgroup.procs")));
}

/** The kubelet wants its root group to be there. */
export async function makeGroups(node: NodePaths): Promise<void> {
  for (const group of await ownGroups(node)) await mkdir(group, { recursive: true });
}

/** Call when the node's process is gone. Images stay. */
export async function removeRemains(node: NodePaths): Promise<void> {
  for (const group of await ownGroups(node)) await removeGroup(group);
  for (const path of [node.run, node.kubeletRoot, join(node.folder, "pod-logs")]) {
    await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

async function removeGroup(group: string): Promise<void> {
  if (!existsSync(group)) return;
  for (const entry of await readdir(group, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeGroup(join(group, entry.name));
  }
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await rmdir(group);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      if (code !== "EBUSY" || Date.now() > deadline) throw error;
      await endProcesses(group);
      await sleep(50);
    }
  }
}

/** Whatever is in the node's own groups belongs to it. */
async function endProcesses(group: string): Promise<void> {
  const text = await readFile(join(group, "cgroup.procs"), "utf8").catch(() => "");
  for (const id of text.split("\n").filter(Boolean)) {
    try {
      process.kill(Number(id), "SIGKILL");
    } catch {
      // it ended meanwhile
    }
  }
}
