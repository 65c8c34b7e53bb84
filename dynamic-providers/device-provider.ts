// The provider of one device: writes its Secret whole (credentials, mapped keys, configuration image) and
// notices when somebody else changed it. Asks the API server; keeps nothing but digests in the state.

import type { ConfigBuilder } from "../builders/config/builder.ts";
import { type KubernetesApi, KubernetesError, type KubernetesObject } from "../kubernetes/api.ts";
import { applyOwned, createOwned, deleteOwned, type Owned } from "../kubernetes/owned-object.ts";
import { formerPlace } from "../model/former-names.ts";
import { boardLeaseName, deviceSecretName, objectLabels } from "../model/names.ts";
import { appliedDigest } from "./applied-digest.ts";
import { withCertificate } from "./device-certificate.ts";
import { describeDrift, type OwnedKeys, ownedDigest } from "./device-drift.ts";
import { deviceImage } from "./device-image.ts";
import { deviceNews } from "./device-news.ts";
import { decodePayload } from "./device-payload.ts";
import { deviceSecret } from "./device-secret.ts";
import { explainWriteError } from "./explain-write-error.ts";
import { fieldManager } from "./field-manager.ts";
import { refuseOtherCredential } from "./handed-out.ts";
import { jobExecutors } from "./job-executors.ts";
import { created } from "./outcome-unknown.ts";
import type { DynamicProvider } from "./provider.ts";
import { type ClusterInputs, connectFor } from "./stack-connection.ts";
import { failedNews, type Happened, tell } from "./tell.ts";

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
  /** Where the class names a builder of its own: a new identity of it means a new image. */
  builder?: ConfigBuilder;
  /** "from cam-001", where it had another name. */
  renamed?: string;
  /** Its former places, oldest first, as `namespace/name`. */
  former?: string[];
  /** Which generation of credentials it holds, as `deviceRecordText` says it. */
  credentials: string;
  /** Tells one MQTT credential from another; see handed-out.ts. */
  "mqtt.password": string;
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
  /** The MQTT credential that was written. */
  handedOut?: string;
  /** Set by a refresh that found the Secret changed: which keys, by whom. */
  drift?: string;
}

async function diff(_id: string, olds: DeviceOutputs, news: DeviceInputs) {
  refuseOtherCredential(news.device, olds.handedOut, news["mqtt.password"]);
  const moved =
    olds.namespace !== news.namespace || olds.clusterUid !== news.clusterUid || olds.device !== news.device;
  return {
    changes: moved || olds.drift !== undefined || olds.applied !== digestOf(news),
    replaces: moved ? ["namespace"] : [],
  };
}

async function create(inputs: DeviceInputs) {
  const id = `${inputs.namespace}/${deviceSecretName(inputs.device)}`;
  const take = async () => {
    await takeOverBoardLease(inputs);
    return await write(inputs, createOwned);
  };
  return created(id, take, () => unknownOutputs(inputs));
}

async function update(_id: string, olds: DeviceOutputs, news: DeviceInputs) {
  return { outs: await write(news, applyOwned, [olds.owner]) };
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

/** @param former owners whose Secret it may be still: the state says that it is ours */
async function write(
  inputs: DeviceInputs,
  writeOwned: typeof applyOwned,
  former: string[] = [],
): Promise<DeviceOutputs> {
  const { built, ...image } = await imageOf(inputs);
  let before: KubernetesObject | undefined;
  const seen = (live: KubernetesObject) => {
    before = live;
  };
  const { object, configDigest, live } = await writeSecret(inputs, image, (...args) =>
    writeOwned(...args, former, seen),
  ).catch(async (error) => {
    await tellOf(inputs, failedNews(error), before);
    throw error;
  });
  const [first, ...others] = deviceNews(before, live);
  if (first) await tellOf(inputs, { ...first, ...built }, before && live);
  for (const news of others) await tellOf(inputs, news, before && live);
  const keys = ownedKeys(object, live);
  return {
    device: inputs.device,
    namespace: inputs.namespace,
    owner: inputs.owner,
    clusterUid: inputs.clusterUid,
    ...(inputs.kubernetes && { kubernetes: inputs.kubernetes }),
    applied: digestOf(inputs),
    written: ownedDigest(live, keys),
    keys,
    configDigest,
    secretName: object.metadata.name,
    handedOut: inputs["mqtt.password"],
  };
}

/** As the class names it. */
function builderName({ builder }: DeviceInputs): string {
  if (!builder) return "nvs";
  return "image" in builder.identity ? "image" : "command";
}

async function imageOf(inputs: DeviceInputs) {
  const builder = builderName(inputs);
  const began = Date.now();
  try {
    const payload = await withCertificate(decodePayload(inputs.image));
    const where = { namespace: inputs.namespace, jobs: jobExecutors(inputs) };
    const image = await deviceImage(inputs.device, payload, inputs.builder, where);
    return { payload, image, built: { builder, seconds: (Date.now() - began) / 1000 } };
  } catch (error) {
    await tellOf(inputs, { ...failedNews(error), builder }, undefined);
    throw error;
  }
}

async function writeSecret(
  inputs: DeviceInputs,
  { payload, image }: Pick<Awaited<ReturnType<typeof imageOf>>, "payload" | "image">,
  writeOwned: (
    api: KubernetesApi,
    object: Owned,
    owner: string,
    manager: string,
  ) => Promise<KubernetesObject>,
) {
  const { object, configDigest } = deviceSecret(inputs, payload, image);
  const api = await connectFor(inputs);
  const live = await writeOwned(api, object, inputs.owner, fieldManager(inputs.owner)).catch((error) => {
    throw explainWriteError(error, `the Secret ${object.metadata.name}`, inputs.namespace);
  });
  return { object, configDigest, live };
}

/** Of all that the Secret depends on: not of how the builder of its image is run. */
function digestOf({ builder, ...rest }: DeviceInputs): string {
  if (!builder) return appliedDigest(rest);
  const { run: _, ...built } = builder;
  return appliedDigest({ ...rest, builder: built } as ClusterInputs);
}

/** A Secret that is new tells by itself that it was made; one that was there gets the news where it stands for the device. */
async function tellOf(inputs: DeviceInputs, news: Happened, secret: KubernetesObject | undefined) {
  const { namespace, device: name } = inputs;
  const otherwise = async () => secret && { ...secret, apiVersion: "v1", kind: "Secret" };
  await tell(() => connectFor(inputs), { kind: "Device", namespace, name, otherwise }, news);
}

/** What the state keeps of a Secret of which it is not known whether it was written: enough to update or delete it. */
function unknownOutputs(inputs: DeviceInputs): DeviceOutputs & { __provider?: unknown } {
  const { device, namespace, owner, clusterUid, kubernetes } = inputs;
  const { __provider } = inputs as DeviceInputs & { __provider?: unknown };
  return {
    ...{ device, namespace, owner, clusterUid, __provider },
    ...(kubernetes && { kubernetes }),
    ...{ applied: "", written: "", keys: { data: [], labels: [], annotations: [] }, configDigest: "" },
    secretName: deviceSecretName(device),
  };
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

/** A renamed device keeps its board: the record under the newest former name that has one goes on under the new name. */
async function takeOverBoardLease(inputs: DeviceInputs): Promise<void> {
  const { cluster, class: className, device, namespace } = inputs;
  const former = (inputs.former ?? []).map((text) => formerPlace(text, namespace)).reverse();
  if (former.length === 0) return;
  const api = await connectFor(inputs);
  for (const place of former) {
    const old = await api.getOrUndefined<KubernetesObject>(leaseAddress(place.namespace, place.name));
    if (!old) continue;
    const { metadata, ...address } = leaseAddress(namespace, device);
    const labels = objectLabels({ cluster, class: className, device });
    const annotations = old.metadata.annotations ?? {};
    const lease = { ...address, metadata: { ...metadata, labels, annotations }, spec: old.spec };
    await api.create(lease).catch((error) => {
      // a run before this one came as far, and the board may have been flashed since
      if (!(error instanceof KubernetesError) || error.reason !== "AlreadyExists") throw error;
    });
    return;
  }
}

function leaseAddress(namespace: string, device: string) {
  const metadata = { namespace, name: boardLeaseName(device) };
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata };
}

/** The record of the board that was flashed goes with the device; a rename or a new owner has taken it over by then. */
async function deleteBoardLease(of: DeviceOutputs): Promise<void> {
  const api = await connectFor(of);
  const still = await api.getOrUndefined(secretAddress(of));
  if (still) return;
  await api.delete(leaseAddress(of.namespace, of.device)).catch((error) => {
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
