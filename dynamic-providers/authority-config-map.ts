// The ConfigMap with which a broker lets devices in by certificate: the authority's own, and the list of those revoked.
// Both are public. Pure.
import type { Owned } from "../kubernetes/owned-object.ts";
import type { CredentialLedger } from "../model/credential-ledger.ts";
import { formerPlace } from "../model/former-names.ts";
import {
  AUTHORITY_CONFIG_MAP,
  AUTHORITY_FILES,
  type AuthoritySeed,
  certificateSerial,
} from "../model/mqtt-certificates.ts";
import { objectLabels } from "../model/names.ts";
import { compareText } from "../model/problem.ts";

/** @param at of two lists a broker believes the later */
export async function authorityConfigMap(
  { cluster, namespace }: { cluster: string; namespace: string },
  authority: AuthoritySeed,
  ledger: CredentialLedger,
  at: Date,
): Promise<Owned> {
  const { CertificateAuthority } = await import("../builders/x509/authority.ts");
  const signer = new CertificateAuthority(authority);
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace, name: AUTHORITY_CONFIG_MAP, labels: objectLabels({ cluster }) },
    data: {
      [AUTHORITY_FILES.certificate]: await signer.certificate(),
      [AUTHORITY_FILES.revoked]: await signer.revocationList(revokedSerials(ledger, namespace), at),
    },
  };
}

/** Of every generation that the broker must not take, whether it had a certificate or not. */
export function revokedSerials({ devices, retired }: CredentialLedger, namespace: string): string[] {
  const last = new Map(retired);
  for (const [key, { oldest }] of devices) last.set(key, Math.max(oldest - 1, last.get(key) ?? 0));
  const serials = [...last].flatMap(([key, generation]) => {
    const place = formerPlace(key, namespace);
    return Array.from({ length: generation }, (_, index) => certificateSerial(place, index + 1));
  });
  return serials.sort(compareText);
}
