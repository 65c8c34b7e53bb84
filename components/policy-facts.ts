// What a component shows of itself so that policies can judge it, and people see it in a preview. Pure.
import { brokerUrl } from "../model/mqtt-broker.ts";
import type { DevicesClusterSpec } from "../model/schema.ts";
import { isSecretSource, type SecretInput } from "./secret-values.ts";

export interface GeneratedSecrets {
  /** Number of characters of each secret that is generated, by its key. */
  generatedSecrets?: Record<string, number>;
}

/** Nothing where none is generated. */
export function generatedSecrets(secrets: Record<string, SecretInput>): GeneratedSecrets {
  const lengths = Object.entries(secrets).flatMap(([key, source]) =>
    isSecretSource(source) && "random" in source ? [[key, source.random.length] as const] : [],
  );
  return lengths.length > 0 ? { generatedSecrets: Object.fromEntries(lengths) } : {};
}

export interface ClusterAddresses {
  mqtt: string;
  /** The broker's API, where the cluster names it. */
  management?: string;
  influxdb?: string;
}

/** Whom the fleet and its programs talk to, and so whether with TLS. */
export function clusterAddresses({
  mqtt: { broker },
  telemetry,
}: Pick<DevicesClusterSpec, "mqtt" | "telemetry">): ClusterAddresses {
  const management = broker.management?.url;
  return {
    mqtt: brokerUrl(broker),
    ...(management !== undefined && { management }),
    ...(telemetry && { influxdb: telemetry.influxdb.url }),
  };
}
