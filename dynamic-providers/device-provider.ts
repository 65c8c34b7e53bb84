// The provider of one device: writes its Secret whole (credentials, mapped keys, configuration image) and
// notices when somebody else changed it. Asks the API server; keeps nothing but digests in the state.

import { KubernetesError, type KubernetesObject } from "../kubernetes/api.ts";
import { applyOwned, deleteOwned } from "../kubernetes/owned-object.ts";
import { boardLeaseName, deviceSecretName } from "../model/names.ts";
import { describeDrift, type OwnedKeys, ownedDigest } from "./device-drift.ts";
import { decodePayload } from "./device-payload.ts";
import { deviceSecret } from "./device-secret.ts";
import { explainWriteError } from "./explain-write-error.ts";
import { fieldManager } from "./field-manager.ts";
import type { DynamicProvider } from "./provider.ts";
import { stableDigest } from "./stable-digest.ts";
import { type ClusterInputs, connectFor } from "./stack-connection.ts";

/** Besides these, one property a setting: its value or keyed fingerprint, its target and where it came from. */
export interface DeviceInputs extends ClusterInputs {
  device: string;
  class: string;
  cluster: string;
  namespace: string;
  /** `<project>/<stack>/<resource>`: the token that the Secret bears. */
  owner: string;
  /** A `DevicePayload` as text; secret. */
  image: string;
}

export interface DeviceOutputs extends ClusterInputs {
  device: string;
  namespace: string;
  owner: string;
  /** Digest of all inputs as they were applied. */
  applied: string;
  /** Digest of what we own in the Secret, and its keys. */
  written: string;
  keys: OwnedKeys;
  /** `sha256:<hex>` of `config.bin`. */
  configDigest: string;
  secretName: string;
  /** Set by a refresh that found the Secret changed: which keys, by whom. */
  drift?: string;
}

async function diff(_id: string, olds: DeviceOutputs, news: DeviceInputs) {
  const moved =
    olds.namespace !== news.namespace || olds.clusterUid !== news.clusterUid || olds.device !== news.device;
  return {
    changes: moved || olds.drift !== undefined || olds.applied !== appliedDigest(news),
    replaces: moved ? ["namespace"] : [],
  };
}

async function create(inputs: DeviceInputs) {
  return { id: `${inputs.namespace}/${deviceSecretName(inputs.device)}`, outs: await write(inputs) };
}

async function update(_id: string, _olds: DeviceOutputs, news: DeviceInputs) {
  return { outs: await write(news) };
}

async function read(id: string, props: DeviceOutputs) {
  const api = await connectFor(props);
  const live = await api.getOrUndefined<KubernetesObject>(secretAddress(props));
  if (!live) return {};
  const { drift: _, ...rest } = props;
  const unchanged = ownedDigest(live, props.keys) === props.written;
  return {
    id,
    props: unchanged ? rest : { ...rest, drift: describeDrift(live, props.keys, fieldManager(props.owner)) },
  };
}

async function remove(_id: string, props: DeviceOutputs) {
  const api = await connectFor(props);
  await deleteOwned(api, secretAddress(props), props.owner);
  await deleteBoardLease(props);
}

async function write(inputs: DeviceInputs): Promise<DeviceOutputs> {
  const { object, configDigest } = deviceSecret(inputs, decodePayload(inputs.image));
  const api = await connectFor(inputs);
  const live = await applyOwned(api, object, inputs.owner, fieldManager(inputs.owner)).catch((error) => {
    throw explainWriteError(error, `the Secret ${object.metadata.name}`, inputs.namespace);
  });
  const keys = ownedKeys(object, live);
  return {
    device: inputs.device,
    namespace: inputs.namespace,
    owner: inputs.owner,
    clusterUid: inputs.clusterUid,
    ...(inputs.kubernetes && { kubernetes: inputs.kubernetes }),
    applied: appliedDigest(inputs),
    written: ownedDigest(live, keys),
    keys,
    configDigest,
    secretName: object.metadata.name,
  };
}

/** A kube-context may get another name without anything having changed in the cluster. */
function appliedDigest(inputs: DeviceInputs): string {
  const { kubernetes: _, ...rest } = inputs as DeviceInputs & { __provider?: string };
  delete rest.__provider;
  return stableDigest(rest);
}

function ownedKeys(object: KubernetesObject, live: KubernetesObject): OwnedKeys {
  const names = (record: unknown) => Object.keys((record ?? {}) as object).sort();
  return {
    data: names(object.data),
    labels: names(object.metadata.labels),
    annotations: names(live.metadata.annotations).filter((name) => name.startsWith("edgeflock.io/")),
  };
}

function secretAddress(of: { namespace: string; device: string }) {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: of.namespace, name: deviceSecretName(of.device) },
  };
}

/** The record of the board that was flashed goes with the device; a rename or a new owner has taken it over by then. */
async function deleteBoardLease(of: DeviceOutputs): Promise<void> {
  const api = await connectFor(of);
  const still = await api.getOrUndefined(secretAddress(of));
  if (still) return;
  const metadata = { namespace: of.namespace, name: boardLeaseName(of.device) };
  await api.delete({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata }).catch((error) => {
    if (!(error instanceof KubernetesError) || error.status !== 404) throw error;
  });
}

export const deviceProvider: DynamicProvider<DeviceInputs, DeviceOutputs> = {
  diff,
  create,
  update,
  read,
  delete: remove,
};
