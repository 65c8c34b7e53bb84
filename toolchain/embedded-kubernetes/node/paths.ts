// Where the node of an embedded Kubernetes keeps its things. Touches nothing.
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ClusterPaths } from "../paths.ts";

export interface NodePaths {
  folder: string;
  /** Script that is process 1 of the node's namespaces. */
  init: string;
  containerdConfig: string;
  /** Images and their layers; stays over a stop. */
  containerdRoot: string;
  kubeletConfig: string;
  kubeletKubeconfig: string;
  /** Pods; emptied by a stop. */
  kubeletRoot: string;
  /** Where the node itself sees that folder: the kubelet makes sockets in it. */
  kubeletMount: string;
  schedulerKubeconfig: string;
  cni: string;
  /** Files that stand over the machine's own kernel settings, for the kubelet alone. */
  sysctl: string;
  /** Short, since the paths of sockets must be; emptied by a stop. */
  run: string;
  socket: string;
  /** Below each hierarchy of /sys/fs/cgroup. */
  cgroup: string;
}

export function nodePaths({ folder: cluster, pki }: ClusterPaths): NodePaths {
  const id = createHash("sha256").update(cluster).digest("hex").slice(0, 10);
  const folder = join(cluster, "node");
  const run = `/run/edgeflock-${id}`;
  return {
    folder,
    init: join(folder, "init.sh"),
    containerdConfig: join(folder, "containerd.toml"),
    containerdRoot: join(folder, "containerd"),
    kubeletConfig: join(folder, "kubelet.json"),
    kubeletKubeconfig: join(pki, "kubelet.kubeconfig"),
    kubeletRoot: join(folder, "kubelet"),
    kubeletMount: join(run, "kubelet"),
    schedulerKubeconfig: join(pki, "scheduler.kubeconfig"),
    cni: join(folder, "cni"),
    sysctl: join(folder, "sysctl"),
    run,
    socket: join(run, "containerd.sock"),
    cgroup: `edgeflock-${id}`,
  };
}
