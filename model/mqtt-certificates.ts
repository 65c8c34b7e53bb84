// The certificates that devices prove with who they are: whose authority signs them, and what is in each. All of it
// derives from the root key and from what the fleet remembers, so none is kept. Pure; touches nothing.
import { createHash } from "node:crypto";
import { addDays, dateOf } from "./days.ts";
import { deriveBytes } from "./derivation.ts";
import type { Place } from "./former-names.ts";

/** ConfigMap of the fleet's namespace with what a broker lets devices in by. */
export const AUTHORITY_CONFIG_MAP = "edgeflock-mqtt-authority";
export const AUTHORITY_FILES = { certificate: "ca.crt", revoked: "crl.pem" } as const;

/** As the seed of a P-256 key wants it; see builders/x509. */
const SEED_BYTES = 48;

/** What an authority's certificate, and what it signs, is made from. Secret. */
export interface AuthoritySeed {
  /** Common name. */
  name: string;
  /** Base64. */
  seed: string;
}

/** What one device's certificate is made from. Secret. */
export interface CertificatePlan {
  username: string;
  /** Of its private key, base64. */
  seed: string;
  serial: string;
  /** Days in UTC: valid from the beginning of the one to that of the other. */
  from: string;
  until: string;
}

/**
 * The authority of one DevicesCluster: of no other, or its devices would be let in there.
 *
 * @param cluster its oldest name
 * @param rootKey base64
 */
export function authoritySeed(cluster: string, rootKey: string): AuthoritySeed {
  const seed = deriveBytes(rootKey, "mqtt-authority", [cluster], SEED_BYTES).toString("base64");
  return { name: `${cluster} devices`, seed };
}

/** @param issued the day that the generation was handed out: `YYYY-MM-DD` */
export function certificatePlan(
  of: { original: Place; generation: number; username: string },
  rootKey: string,
  { issued, validDays }: { issued: string; validDays: number },
): CertificatePlan {
  const { original, generation, username } = of;
  const path = [original.namespace, original.name, String(generation)];
  return {
    username,
    seed: deriveBytes(rootKey, "mqtt-certificate", path, SEED_BYTES).toString("base64"),
    serial: certificateSerial(original, generation),
    // A clock that is somewhat behind must not take it for one of the future.
    from: addDays(issued, -1),
    until: addDays(issued, validDays),
  };
}

/** 127 bits, positive, in hexadecimal. Known without the root key: a revoked one is named by it. */
export function certificateSerial({ namespace, name }: Place, generation: number): string {
  const text = JSON.stringify(["edgeflock.io/serial", namespace, name, generation]);
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString("hex");
}

/** Its first and last moment. */
export function validity({ from, until }: CertificatePlan): { notBefore: Date; notAfter: Date } {
  return { notBefore: dateOf(from), notAfter: dateOf(until) };
}
