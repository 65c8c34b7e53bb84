// Makes a device's certificate and key, which the state keeps only what they are made from of. Pure.
import { MQTT_REFS } from "../model/device-config.ts";
import { validity } from "../model/mqtt-certificates.ts";
import type { DevicePayload } from "./device-payload.ts";

/** Keys of the device's Secret, as Kubernetes names them in a Secret of its own type for TLS. */
export const CERTIFICATE_KEYS = { certificate: "tls.crt", key: "tls.key" } as const;

/** The payload with certificate and key in PEM form in their places. Equal input gives equal bytes. */
export async function withCertificate(payload: DevicePayload): Promise<DevicePayload> {
  const { certificate: plan, entries, data } = payload;
  if (!plan) return payload;
  const { CertificateAuthority } = await import("../builders/x509/authority.ts");
  const { authority, username, seed, serial } = plan;
  const issued = await new CertificateAuthority(authority).issue({
    ...{ username, seed, serial },
    ...validity(plan),
  });
  const inImage: Record<string, string> = {
    [MQTT_REFS.certificate]: issued.certificate,
    [MQTT_REFS.key]: issued.key,
  };
  return {
    ...payload,
    entries: entries.map((entry) => {
      const value = inImage[`${entry.namespace}.${entry.key}`];
      return value === undefined ? entry : { ...entry, value };
    }),
    data: {
      ...data,
      [CERTIFICATE_KEYS.certificate]: issued.certificate,
      [CERTIFICATE_KEYS.key]: issued.key,
    },
  };
}
