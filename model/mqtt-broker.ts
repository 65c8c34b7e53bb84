// How a cluster's broker gets its users: as data in Secrets, or live by an API, and where that is. Pure; touches nothing.
import { urlHost } from "./url-host.ts";

/** Each kind's ways; the first is what it is without being told. */
export const MECHANISMS = {
  mosquitto: ["files", "dynsec"],
  rabbitmq: ["api", "definitions", "operator"],
  emqx: ["api"],
  external: [],
} as const;

export type BrokerKind = keyof typeof MECHANISMS;
export type Mechanism = (typeof MECHANISMS)[BrokerKind][number];

/** Whom we talk to, and in which language. */
export type LiveKind = "dynsec" | "rabbitmq" | "emqx";

export interface BrokerChoice {
  kind: BrokerKind;
  mechanism?: Mechanism | undefined;
}

/** Undefined for a broker that is somebody else's. */
export function mechanismOf({ kind, mechanism }: BrokerChoice): Mechanism | undefined {
  return mechanism ?? MECHANISMS[kind][0];
}

/** Undefined where users go into Secrets, and nobody has to be logged in to. */
export function liveKind(broker: BrokerChoice): LiveKind | undefined {
  const mechanism = mechanismOf(broker);
  if (mechanism === "dynsec") return "dynsec";
  if (mechanism !== "api") return undefined;
  return broker.kind === "emqx" ? "emqx" : "rabbitmq";
}

/** The port of a broker that names none: 8883 with TLS, 1883 without. */
export function brokerPort(broker: { port?: number | undefined; tls?: boolean | undefined }): number {
  return broker.port ?? (broker.tls === false ? 1883 : 8883);
}

/** Where devices and programs reach it. */
export function brokerUrl(broker: {
  host: string;
  port?: number | undefined;
  tls?: boolean | undefined;
}): string {
  return `${broker.tls === false ? "mqtt" : "mqtts"}://${urlHost(broker.host)}:${brokerPort(broker)}`;
}

/** Schemes of an API's address: with TLS, and without. */
export const MANAGEMENT_SCHEMES: Record<LiveKind, readonly [string, string]> = {
  dynsec: ["mqtts:", "mqtt:"],
  rabbitmq: ["https:", "http:"],
  emqx: ["https:", "http:"],
};

const PORTS: Record<Exclude<LiveKind, "dynsec">, number> = { rabbitmq: 15671, emqx: 18084 };

/** Where the API is, unless `management.url` says so: with TLS on the broker's own host. */
export function managementUrl(
  kind: LiveKind,
  broker: { host: string; management?: { url?: string | undefined } | undefined },
  brokerUrl: string,
): string {
  const given = broker.management?.url;
  if (given !== undefined) return given.replace(/\/+$/, "");
  if (kind === "dynsec") return brokerUrl;
  return `https://${urlHost(broker.host)}:${PORTS[kind]}`;
}
