// What a stack declares of its devices, as far as it matters to boards. Reads what the fleet remembers of its credentials.

import { readFleetLedger } from "../../dynamic-providers/fleet-ledger.ts";
import type { PendingDevice } from "../../flash/status/device-status.ts";
import { type KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";
import {
  type CredentialWish,
  credentialFor,
  EMPTY_LEDGER,
  ledgerKey,
} from "../../model/credential-ledger.ts";
import { today } from "../../model/days.ts";
import { clusterOf } from "../../model/fleet.ts";
import { formerNames, type Place } from "../../model/former-names.ts";
import type { Documents } from "../../model/load-manifests.ts";
import { maxCredentialAge } from "../../model/schema-mqtt.ts";

/** By namespace, then by name. */
export type PendingFleets = Map<string, Map<string, ManifestDevice>>;

export interface ManifestDevice extends Omit<PendingDevice, "oldest"> {
  original: Place;
  /** Undefined for an external broker, whose users are somebody else's: nothing is retired there. */
  wish: CredentialWish | undefined;
}

export function pendingFleets({ clusters, devices }: Documents): PendingFleets {
  const manifests = clusters.map(({ manifest }) => manifest);
  const fleets: PendingFleets = new Map(manifests.map(({ spec }) => [spec.namespace, new Map()]));
  for (const { manifest } of devices) {
    const cluster = clusterOf(manifest, manifests)?.spec;
    const { name } = manifest.metadata;
    const { spec } = manifest;
    if (cluster === undefined || spec.disabled) continue;
    const { mqtt, namespace } = cluster;
    const { generation: declared, keepPrevious } = spec.credentials;
    fleets.get(namespace)?.set(name, {
      device: name,
      class: spec.deviceClassReference.name,
      original: formerNames(spec.formerly, { namespace, name }).original,
      wish:
        mqtt.broker.kind === "external"
          ? undefined
          : { declared, keepPrevious, maxAge: maxCredentialAge(mqtt) },
      formerly: spec.formerly.map((text) => text.split("/").at(-1) as string),
    });
  }
  return fleets;
}

/** With the oldest generation that the broker takes after the next update. */
export async function withOldest(
  api: KubernetesApi,
  namespace: string,
  devices: Map<string, ManifestDevice>,
): Promise<Map<string, PendingDevice>> {
  const { ledger, seen } = await readFleetLedger(api, namespace).catch((error) => {
    // Whoever may not read it is told what the declarations alone say.
    if (!(error instanceof KubernetesError) || error.status !== 403) throw error;
    return { ledger: EMPTY_LEDGER, seen: new Map<string, number>() };
  });
  const pending = [...devices].map(([name, { original, wish, ...device }]) => {
    const key = ledgerKey(original, namespace);
    const oldest = wish === undefined ? 1 : credentialFor(key, wish, ledger, today(), seen.get(name)).oldest;
    return [name, { ...device, oldest }] as const;
  });
  return new Map(pending);
}
