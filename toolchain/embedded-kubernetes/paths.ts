// Where the embedded Kubernetes of a project keeps its things. Touches nothing.
import { join } from "node:path";

export interface ClusterPaths {
  folder: string;
  kubeconfig: string;
  /** Which processes run on which ports. */
  state: string;
  /** Taken while it is started, stopped or reset. */
  lock: string;
  pki: string;
  etcdData: string;
  encryption: string;
  logs: string;
  controllerManagerKubeconfig: string;
}

export function clusterPaths(projectFolder: string): ClusterPaths {
  const folder = join(projectFolder, ".edgeflock", "kubernetes");
  return {
    folder,
    kubeconfig: join(folder, "kubeconfig"),
    state: join(folder, "cluster.json"),
    lock: join(folder, "cluster"),
    pki: join(folder, "pki"),
    etcdData: join(folder, "etcd"),
    encryption: join(folder, "pki", "encryption.json"),
    logs: join(folder, "logs"),
    controllerManagerKubeconfig: join(folder, "pki", "controller-manager.kubeconfig"),
  };
}

export const COMPONENTS = ["etcd", "kube-apiserver", "kube-controller-manager"] as const;
export type Component = (typeof COMPONENTS)[number];

/** Of a node, where one was asked for: the scheduler, and the parent of containerd and kubelet. */
export const NODE_COMPONENTS = ["kube-scheduler", "node"] as const;
export type ProcessName = Component | (typeof NODE_COMPONENTS)[number];

export function logFile(paths: ClusterPaths, component: ProcessName): string {
  return join(paths.logs, `${component}.log`);
}
