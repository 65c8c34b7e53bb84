// The credential ledger of a fleet's namespace, and which generation each board is known to hold. Asks the API server.
import type { KubernetesApi, KubernetesObject } from "../kubernetes/api.ts";
import { CREDENTIALS_ANNOTATION, generationIn } from "../model/annotations.ts";
import {
  type CredentialLedger,
  type CredentialRecord,
  hasOlderGenerations,
} from "../model/credential-ledger.ts";
import { LEDGER_CONFIG_MAP, readDeviceRecord, readLedgerData } from "../model/ledger-text.ts";
import { DEVICE_LABEL } from "../model/names.ts";
import { VisibleError } from "../model/visible-error.ts";

export interface FleetLedger {
  ledger: CredentialLedger;
  /** By the name that a device has in the cluster now: what its board holds. Only asked for where it matters. */
  seen: ReadonlyMap<string, number>;
}

/** Empty where there is no such namespace. Without a ledger the devices' Secrets tell what they hold. */
export async function readFleetLedger(api: KubernetesApi, namespace: string): Promise<FleetLedger> {
  const ledger = (await readLedger(api, namespace)) ?? (await heldRecords(api, namespace));
  const seen = hasOlderGenerations(ledger) ? await seenGenerations(api, namespace) : new Map();
  return { ledger, seen };
}

/** Undefined where there is none. @throws VisibleError where somebody wrote something else into it */
export async function readLedger(
  api: KubernetesApi,
  namespace: string,
): Promise<CredentialLedger | undefined> {
  const metadata = { namespace, name: LEDGER_CONFIG_MAP };
  const live = await api.getOrUndefined<KubernetesObject>({ apiVersion: "v1", kind: "ConfigMap", metadata });
  if (!live) return undefined;
  try {
    return readLedgerData((live.data ?? {}) as Record<string, string>);
  } catch (cause) {
    throw new VisibleError(
      `The ConfigMap ${namespace}/${LEDGER_CONFIG_MAP} cannot be read: somebody changed it. It says which credentials may no longer be handed out.`,
      {
        hint: "Delete it: the next \"pulumi up\" writes it anew from the stack's state and the devices' Secrets.",
        cause,
      },
    );
  }
}

async function heldRecords(api: KubernetesApi, namespace: string): Promise<CredentialLedger> {
  const devices = new Map<string, CredentialRecord>();
  for (const { metadata } of await listOfDevices(api, namespace, "v1", "Secret")) {
    const held = readDeviceRecord(metadata.annotations?.[CREDENTIALS_ANNOTATION]);
    if (held) devices.set(held.key, held.record);
  }
  return { devices, retired: new Map() };
}

/** As whoever flashed has noted it: what was there before is on no board any more. */
async function seenGenerations(api: KubernetesApi, namespace: string): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  for (const { metadata } of await listOfDevices(api, namespace, "coordination.k8s.io/v1", "Lease")) {
    const device = metadata.labels?.[DEVICE_LABEL];
    const generation = generationIn(metadata.annotations);
    if (device !== undefined && generation !== undefined) seen.set(device, generation);
  }
  return seen;
}

function listOfDevices(api: KubernetesApi, namespace: string, apiVersion: string, kind: string) {
  return api.listMetadata({ apiVersion, kind, namespace }, { labelSelector: DEVICE_LABEL });
}
