// Credentials under keys of a Secret that an application reads: in one of ours where there is none, else beside the
// application's own keys. Asks the API server; writes under a field manager of its own for each Secret.
import { createHash } from "node:crypto";
import { type KubernetesApi, KubernetesError, type KubernetesObject } from "../kubernetes/api.ts";
import { applyOwned, deleteOwned, OWNER_ANNOTATION } from "../kubernetes/owned-object.ts";
import { VisibleError } from "../model/visible-error.ts";
import { describeDrift, type OwnedKeys, ownedDigest } from "./device-drift.ts";
import { explainWriteError } from "./explain-write-error.ts";
import { fieldManager } from "./field-manager.ts";

export interface Injection {
  /** Namespace of the fleet that it comes from: two fleets may put keys into one Secret. */
  fleet: string;
  namespace: string;
  name: string;
  labels: Record<string, string>;
  /** In plain text. */
  data: Record<string, string>;
}

/** What the state keeps of one. */
export interface Injected {
  namespace: string;
  name: string;
  manager: string;
  keys: OwnedKeys;
  /** Digest of what we own there. */
  written: string;
}

/**
 * @param former owners whose Secret it may be still
 * @throws VisibleError where a key is somebody else's, or the Secret another stack's
 */
export async function inject(
  api: KubernetesApi,
  injection: Injection,
  owner: string,
  former: readonly string[],
): Promise<Injected> {
  const { namespace, name, labels } = injection;
  const manager = managerOf(owner, injection);
  const data = Object.fromEntries(
    Object.entries(injection.data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
  const address = addressOf(injection);
  const before = await api.getOrUndefined<KubernetesObject>(address);
  const theirs = before !== undefined && before.metadata.annotations?.[OWNER_ANNOTATION] === undefined;
  const live = await (theirs
    ? api.apply<KubernetesObject>(
        { ...address, metadata: { ...address.metadata, uid: before.metadata.uid }, data } as KubernetesObject,
        { fieldManager: manager },
      )
    : applyOwned(
        api,
        { ...address, type: "Opaque", metadata: { name, namespace, labels }, data },
        owner,
        manager,
        former,
      )
  ).catch((error) => {
    throw explained(error, injection);
  });
  const keys = {
    data: Object.keys(data).sort(),
    labels: theirs ? [] : Object.keys(labels).sort(),
    annotations: [],
  };
  return { namespace, name, manager, keys, written: ownedDigest(live, keys) };
}

/** What a run may have injected of which nothing more is known: enough to withdraw it. */
export function perhapsInjected(
  owner: string,
  fleet: string,
  { namespace, name }: { namespace: string; name: string },
): Injected {
  const manager = managerOf(owner, { fleet, namespace, name });
  return { namespace, name, manager, keys: { data: [], labels: [], annotations: [] }, written: "" };
}

/** Takes our keys out again; a Secret that we made goes whole. */
export async function withdraw(api: KubernetesApi, injected: Injected, owner: string): Promise<void> {
  const address = addressOf(injected);
  const live = await api.getOrUndefined<KubernetesObject>(address);
  if (!live) return;
  const token = live.metadata.annotations?.[OWNER_ANNOTATION];
  if (token !== undefined) return deleteOwned(api, address, owner);
  const metadata = { ...address.metadata, uid: live.metadata.uid };
  await api
    .apply({ ...address, metadata } as KubernetesObject, { fieldManager: injected.manager })
    .catch((error) => {
      // Somebody deleted it, and perhaps made it anew: then nothing of ours is in it.
      if (!(error instanceof KubernetesError) || ![404, 409].includes(error.status)) throw error;
    });
}

/** What somebody changed since, or undefined. */
export async function injectionDrift(api: KubernetesApi, injected: Injected): Promise<string | undefined> {
  const live = await api.getOrUndefined<KubernetesObject>(addressOf(injected));
  if (!live) return "deleted";
  if (ownedDigest(live, injected.keys) === injected.written) return undefined;
  return describeDrift(live, injected.keys, injected.manager);
}

/** One manager a Secret: an apply takes away what the same manager wrote before and does not write now. */
function managerOf(
  owner: string,
  { fleet, namespace, name }: Pick<Injection, "fleet" | "namespace" | "name">,
): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([fleet, namespace, name]))
    .digest("hex");
  return `${fieldManager(owner).slice(0, 110)}/${digest.slice(0, 12)}`;
}

function addressOf({ namespace, name }: { namespace: string; name: string }) {
  return { apiVersion: "v1", kind: "Secret", metadata: { namespace, name } };
}

function explained(error: unknown, { namespace, name }: Injection): unknown {
  if (error instanceof KubernetesError && error.status === 409) {
    const fields = (error.details?.causes ?? [])
      .map(({ field }) => field?.replace(/^\.data\./, ""))
      .join(", ");
    return new VisibleError(
      `The Secret ${namespace}/${name} has these keys already, from somebody else: ${fields}.`,
      {
        hint: "Map the credentials to other keys, or remove those. Nothing was changed there.",
        cause: error,
      },
    );
  }
  return explainWriteError(error, `the Secret ${name}`, namespace);
}
