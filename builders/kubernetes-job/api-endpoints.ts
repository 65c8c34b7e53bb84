// The addresses at which pods find the API server. Asks the API server.
import { type KubernetesApi, KubernetesError, type KubernetesObject } from "../../kubernetes/api.ts";
import type { Endpoint } from "./egress.ts";

interface ServiceObject extends KubernetesObject {
  spec: { clusterIPs?: string[]; ports?: { port: number }[] };
}

interface SliceObject extends KubernetesObject {
  endpoints?: { addresses: string[] }[] | null;
  ports?: { port?: number }[] | null;
}

const asked = new WeakMap<KubernetesApi, Promise<Endpoint[] | undefined>>();

/**
 * Both of its Service and of the servers behind it, as policies are applied before or after the one becomes the other.
 * @returns undefined where this account may not know; asked once for each connection
 */
export function apiEndpoints(api: KubernetesApi): Promise<Endpoint[] | undefined> {
  const known = asked.get(api) ?? ask(api);
  asked.set(api, known);
  return known;
}

async function ask(api: KubernetesApi): Promise<Endpoint[] | undefined> {
  const metadata = { name: "kubernetes", namespace: "default" };
  const of = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace: "default" };
  try {
    const [service, slices] = await Promise.all([
      api.getOrUndefined<ServiceObject>({ apiVersion: "v1", kind: "Service", metadata }),
      api.list<SliceObject>(of, { labelSelector: "kubernetes.io/service-name=kubernetes" }),
    ]);
    const { clusterIPs = [], ports = [] } = service?.spec ?? {};
    const addresses = slices.flatMap(({ endpoints }) => (endpoints ?? []).flatMap((one) => one.addresses));
    const behind = slices.flatMap((slice) => (slice.ports ?? []).flatMap(({ port }) => port ?? []));
    return [
      ...pairs(
        clusterIPs.filter((address) => address !== "None"),
        ports.map(({ port }) => port),
      ),
      ...pairs(addresses, behind),
    ];
  } catch (error) {
    if (error instanceof KubernetesError && error.status < 500) return undefined;
    asked.delete(api);
    throw error;
  }
}

function pairs(addresses: readonly string[], ports: readonly number[]): Endpoint[] {
  return [...new Set(addresses)].flatMap((address) => [...new Set(ports)].map((port) => ({ address, port })));
}
