// Measures a run together with what it made the cluster do. Asks the API server for its own count.
import type { ClusterStatus } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { apiRequests } from "./api-requests.ts";
import { cpuSecondsOf, type MeasuredRun } from "./measured-run.ts";

export interface Figures extends MeasuredRun {
  /** That the API server answered meanwhile. */
  requests: number;
}

export interface Meter {
  kubeconfig: string;
  (action: () => Promise<MeasuredRun>): Promise<Figures>;
}

/** The cluster's own processes are counted by their CPU time, which is all that a run adds to them. */
export function meterOf(cluster: ClusterStatus): Meter {
  const { kubeconfig } = cluster;
  const cpu = () =>
    cluster.components.map(({ name, pid }) => [name, pid === undefined ? 0 : cpuSecondsOf(pid)] as const);
  const meter = async (action: () => Promise<MeasuredRun>) => {
    const [requestsBefore, cpuBefore] = [await apiRequests(kubeconfig), new Map(cpu())];
    const run = await action();
    const processes = { ...run.processes };
    for (const [name, seconds] of cpu()) {
      processes[name] = { peakMiB: 0, cpuSeconds: seconds - (cpuBefore.get(name) ?? 0) };
    }
    return { ...run, processes, requests: (await apiRequests(kubeconfig)) - requestsBefore };
  };
  return Object.assign(meter, { kubeconfig });
}
