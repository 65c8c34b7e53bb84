// How many requests an API server has answered, by its own count. Asks it once.
import { execa } from "execa";

/**
 * Sum of `apiserver_request_total` over what clients ask of objects; watches and its own housekeeping are left out.
 * https://kubernetes.io/docs/reference/instrumentation/metrics/
 */
export async function apiRequests(kubeconfig: string): Promise<number> {
  const { stdout } = await execa("kubectl", ["--kubeconfig", kubeconfig, "get", "--raw", "/metrics"]);
  let sum = 0;
  for (const line of stdout.split("\n")) {
    if (!line.startsWith("apiserver_request_total{")) continue;
    if (/verb="(WATCH|CONNECT)"/.test(line) || /resource="(leases|endpointslices|events)"/.test(line))
      continue;
    sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}
