// Where a builder's pod may send to, as rules of a NetworkPolicy. Pure.
// https://kubernetes.io/docs/concepts/services-networking/network-policies/
//
// A policy is of a pod, not of a container: the upload's way out is the builder's too, but the builder has no token.
import type { GitSource } from "./contract.ts";

/** An address and a port, TCP. */
export interface Endpoint {
  address: string;
  port: number;
}

export type Egress =
  | { kind: "anywhere" }
  /** By names, whose addresses change: a store, a repository. */
  | { kind: "ports"; ports: readonly number[] }
  | { kind: "endpoints"; endpoints: readonly Endpoint[] };

/** Link-local addresses: there clouds tell whoever asks who the node is. */
const ANYWHERE = [
  { ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } },
  { ipBlock: { cidr: "::/0", except: ["fe80::/10"] } },
];
const DNS = ["UDP", "TCP"].map((protocol) => ({ protocol, port: 53 }));
/** https://git-scm.com/docs/git-fetch#_git_urls */
const GIT_PORTS: Record<string, number> = { "https:": 443, "http:": 80, "ssh:": 22, "git:": 9418 };

export function egressRules(ways: readonly Egress[]): object[] {
  if (ways.some(({ kind }) => kind === "anywhere")) return [{ to: ANYWHERE }];
  const named = ways.some(({ kind }) => kind === "ports");
  return [...(named ? [{ ports: DNS }] : []), ...ways.flatMap(ruleOf)];
}

function ruleOf(way: Egress): object[] {
  if (way.kind === "ports") return [{ to: ANYWHERE, ports: way.ports.map(tcp) }];
  if (way.kind === "anywhere") return [];
  return way.endpoints.map(({ address, port }) => ({
    to: [{ ipBlock: { cidr: `${address}/${address.includes(":") ? 128 : 32}` } }],
    ports: [tcp(port)],
  }));
}

function tcp(port: number): object {
  return { protocol: "TCP", port };
}

/** To a store's URL. */
export function toUrl(url: string): Egress {
  const { port, protocol } = new URL(url);
  return { kind: "ports", ports: [Number(port || (protocol === "http:" ? 80 : 443))] };
}

/** To a repository; `git@host:path` is ssh. */
export function toRepository({ url }: GitSource): Egress {
  if (!/^[a-z+]+:\/\//.test(url)) return { kind: "ports", ports: [22] };
  const { port, protocol } = new URL(url);
  const usual = GIT_PORTS[protocol];
  return usual === undefined && port === ""
    ? { kind: "anywhere" }
    : { kind: "ports", ports: [Number(port || usual)] };
}

/**
 * To the API server. Seen from a pod, it may listen on another port than from here.
 * @param endpoints where they may be known
 */
export function toApi(endpoints: readonly Endpoint[] | undefined, ownPort: string): Egress {
  if (endpoints && endpoints.length > 0) return { kind: "endpoints", endpoints };
  return { kind: "ports", ports: [...new Set([Number(ownPort || 443), 443, 6443])] };
}
