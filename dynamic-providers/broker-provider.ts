// The provider of a fleet's broker data: writes the Secrets with Mosquitto's files, and credentials into the Secrets of
// readers and applications. Asks the API server. The state keeps who the users are, and digests; no password, no line.
import type { TopologyPlace } from "../builders/rabbitmq/topology-objects.ts";
import type { KubernetesApi, KubernetesObject } from "../kubernetes/api.ts";
import { applyOwned, deleteOwned, OWNER_ANNOTATION, type Owned } from "../kubernetes/owned-object.ts";
import { BROKER_LABEL, BROKER_USER_LABEL } from "../model/mqtt-access.ts";
import { userCredential } from "../model/mqtt-credentials.ts";
import { objectLabels } from "../model/names.ts";
import { appliedDigest } from "./applied-digest.ts";
import { liveDrift, removeLive, writeLive } from "./broker-live.ts";
import { definitionsSecrets, mosquittoSecrets } from "./broker-secrets.ts";
import { deleteTopology, type TopologyRecord, topologyDrift, writeTopology } from "./broker-topology.ts";
import {
  type BrokerMembers,
  type BrokerUserWithPassword,
  brokerUsers,
  type MemberUser,
  type PasswordSource,
} from "./broker-users.ts";
import { describeDrift, type OwnedKeys, ownedDigest } from "./device-drift.ts";
import { explainWriteError } from "./explain-write-error.ts";
import { fieldManager } from "./field-manager.ts";
import { formerOwnerOf } from "./former-owner.ts";
import {
  type Injected,
  type Injection,
  inject,
  injectionDrift,
  perhapsInjected,
  withdraw,
} from "./injected-secret.ts";
import type { LiveTarget, UserRecord } from "./live-broker/index.ts";
import { created } from "./outcome-unknown.ts";
import type { DynamicProvider } from "./provider.ts";
import { type ClusterInputs, connectFor } from "./stack-connection.ts";

/** Which value goes under which key of whose Secret. */
export interface UserSecret extends MemberUser {
  namespace: string;
  name: string;
  keys: { url?: string; username?: string; password?: string; topic?: string };
}

export interface BrokerInputs extends ClusterInputs, BrokerMembers {
  cluster: string;
  /** `<project>/<stack>/<resource>`: the token that the Secrets bear. */
  owner: string;
  /** `mqtts://host:port`, for readers and applications. */
  url: string;
  readers: Record<string, UserSecret>;
  applications: Record<string, UserSecret>;
  /** A `PasswordSource` as text; secret. */
  passwords: string;
  /** Where the Secrets hold RabbitMQ's definitions rather than Mosquitto's files. */
  definitions?: { vhost: string };
  /** Where the users are objects of RabbitMQ's topology operator. */
  operator?: Pick<TopologyPlace, "vhost" | "rabbitmq">;
  /** A broker that takes its users by an API: then no Secret holds them. */
  live?: LiveTarget;
  /** An `Administrator` as text; secret. Only with `live`. */
  admin?: string;
}

interface Shard {
  name: string;
  keys: OwnedKeys;
  /** Digest of what we own in it. */
  written: string;
}

export interface BrokerOutputs extends ClusterInputs {
  namespace: string;
  owner: string;
  /** Digest of all inputs as they were applied. */
  applied: string;
  shards: Shard[];
  injected: Injected[];
  /** Names of the Secrets with the broker's files. */
  secretNames: string[];
  /** Where users were made by an API, by whom, and each with a digest of what it is there. */
  live?: LiveTarget;
  admin?: string;
  users?: UserRecord;
  /** Where they are objects of RabbitMQ's topology operator. */
  topology?: TopologyRecord;
  /** Of a create that was interrupted: whose Secrets may have credentials by now. */
  unfinished?: Pick<BrokerInputs, "readers" | "applications">;
  /** Set by a refresh that found a Secret changed: which, which keys, by whom. */
  drift?: string;
}

async function diff(_id: string, olds: BrokerOutputs, news: BrokerInputs) {
  const moved = olds.namespace !== news.namespace || olds.clusterUid !== news.clusterUid;
  return {
    changes: moved || olds.drift !== undefined || olds.applied !== appliedDigest(news),
    replaces: moved ? ["namespace"] : [],
    // A Secret that an application reads may stay where it is: deleted after it was written anew, it would be gone.
    deleteBeforeReplace: moved,
  };
}

async function create(inputs: BrokerInputs) {
  const id = `${inputs.namespace}/${inputs.cluster}-broker`;
  return created(
    id,
    () => write(inputs),
    () => unwritten(inputs),
  );
}

async function update(_id: string, olds: BrokerOutputs, news: BrokerInputs) {
  return { outs: await write(news, olds) };
}

async function read(id: string, props: BrokerOutputs) {
  const api = await connectFor(props);
  const { drift: _, ...rest } = props;
  const found = await Promise.all([
    ...props.shards.map(async (shard) => named(shard.name, await shardDrift(api, props, shard))),
    ...props.injected.map(async (each) =>
      named(`${each.namespace}/${each.name}`, await injectionDrift(api, each)),
    ),
    liveDrift(props),
    props.topology && topologyDrift(api, props.topology),
  ]);
  const drift = found.filter((line) => line !== undefined).join("; ");
  return { id, props: drift === "" ? rest : { ...rest, drift } };
}

async function remove(_id: string, props: BrokerOutputs) {
  const api = await connectFor(props);
  await removeLive(props);
  if (props.topology) await deleteTopology(api, props);
  for (const injected of injectedOf(props)) await withdraw(api, injected, props.owner);
  await deleteOthers(api, props, []);
}

/** @param before what was written last, where there is anything: the state says that it is ours */
async function write(inputs: BrokerInputs, before?: BrokerOutputs): Promise<BrokerOutputs> {
  const { namespace, owner, clusterUid, kubernetes } = inputs;
  const api = await connectFor(inputs);
  const formerOwner = await formerOwnerOf(api, inputs, before?.owner);
  const source = JSON.parse(inputs.passwords) as PasswordSource;
  const users = brokerUsers(inputs, source);
  const live = await writeLive(inputs, source, users, before, formerOwner);
  const topology = await writeOperator(api, inputs, users, source, before, formerOwner);
  const inSecrets = !inputs.live && !inputs.operator;
  const shards = inSecrets ? await writeShards(api, inputs, users, source, formerOwner) : [];
  const injected = await injectAll(api, inputs, source, before ? injectedOf(before) : [], formerOwner);
  const here = injected.filter((each) => each.namespace === namespace);
  const keep = [...[...shards, ...here].map(({ name }) => name), ...Object.keys(topology?.objects ?? {})];
  for (const token of new Set([owner, formerOwner])) {
    await deleteOthers(api, { namespace, owner: token }, keep);
  }
  return {
    namespace,
    owner,
    clusterUid,
    ...(kubernetes && { kubernetes }),
    applied: appliedDigest(inputs),
    shards,
    injected,
    secretNames: shards.map(({ name }) => name),
    ...live,
    ...(topology && { topology }),
  };
}

/** The users as the operator's objects, where they are to be such; where they no longer are, takes those away. */
async function writeOperator(
  api: KubernetesApi,
  { cluster, namespace, owner, operator }: BrokerInputs,
  users: BrokerUserWithPassword[],
  { rootKey }: PasswordSource,
  before: BrokerOutputs | undefined,
  formerOwner: string,
): Promise<TopologyRecord | undefined> {
  if (!operator) {
    if (before?.topology) await deleteTopology(api, before);
    return undefined;
  }
  return writeTopology(api, {
    place: { cluster, namespace, ...operator },
    owner,
    formerOwner,
    rootKey,
    users,
    known: before?.topology,
    trusted: before?.drift === undefined && before?.owner === owner,
  });
}

/** The last first: when there are more than before, no user is missing meanwhile. */
async function writeShards(
  api: KubernetesApi,
  inputs: BrokerInputs,
  users: BrokerUserWithPassword[],
  source: PasswordSource,
  formerOwner: string,
): Promise<Shard[]> {
  const secrets = inputs.definitions
    ? definitionsSecrets(inputs, users, source.rootKey, inputs.definitions.vhost)
    : await mosquittoSecrets(inputs, users, source.rootKey);
  const shards: Shard[] = [];
  for (const object of secrets.reverse()) {
    shards.unshift(await writeShard(api, object, inputs.owner, [formerOwner]));
  }
  return shards;
}

/** What is injected no longer is taken out when all that is wanted is in. */
async function injectAll(
  api: KubernetesApi,
  inputs: BrokerInputs,
  source: PasswordSource,
  before: Injected[],
  formerOwner: string,
): Promise<Injected[]> {
  const injected: Injected[] = [];
  for (const injection of injections(inputs, source)) {
    injected.push(await inject(api, injection, inputs.owner, [formerOwner]));
  }
  for (const old of before) {
    const stays = injected.some(({ namespace, name }) => namespace === old.namespace && name === old.name);
    if (!stays) await withdraw(api, old, formerOwner);
  }
  return injected;
}

async function writeShard(
  api: KubernetesApi,
  object: Owned,
  owner: string,
  former: string[],
): Promise<Shard> {
  const { name, namespace = "" } = object.metadata;
  const live = await applyOwned(api, object, owner, fieldManager(owner), former).catch((error) => {
    throw explainWriteError(error, `the Secret ${name}`, namespace);
  });
  const keys: OwnedKeys = {
    data: Object.keys(object.data as object).sort(),
    labels: Object.keys(object.metadata.labels ?? {}).sort(),
    annotations: [OWNER_ANNOTATION],
  };
  return { name, keys, written: ownedDigest(live, keys) };
}

/** All of ours here but these, of whatever number or cluster name they were made, those of a killed run too. */
async function deleteOthers(
  api: KubernetesApi,
  { namespace, owner }: { namespace: string; owner: string },
  keep: string[],
): Promise<void> {
  const kind = { apiVersion: "v1", kind: "Secret", namespace };
  for (const labelSelector of [BROKER_LABEL, BROKER_USER_LABEL]) {
    for (const { metadata } of await api.listMetadata(kind, { labelSelector })) {
      if (keep.includes(metadata.name)) continue;
      await deleteOwned(api, { ...kind, metadata: { namespace, name: metadata.name } }, owner);
    }
  }
}

async function shardDrift(api: KubernetesApi, of: BrokerOutputs, shard: Shard): Promise<string | undefined> {
  const metadata = { namespace: of.namespace, name: shard.name };
  const live = await api.getOrUndefined<KubernetesObject>({ apiVersion: "v1", kind: "Secret", metadata });
  if (!live) return "deleted";
  if (ownedDigest(live, shard.keys) === shard.written) return undefined;
  return describeDrift(live, shard.keys, fieldManager(of.owner));
}

function injectedOf({ owner, namespace, injected, unfinished }: BrokerOutputs): Injected[] {
  if (!unfinished) return injected;
  const places = [...Object.values(unfinished.readers), ...Object.values(unfinished.applications)];
  return places.map((place) => perhapsInjected(owner, namespace, place));
}

function named(name: string, drift: string | undefined): string | undefined {
  return drift === undefined ? undefined : `${name}: ${drift}`;
}

function injections(inputs: BrokerInputs, { rootKey }: PasswordSource): Injection[] {
  const { cluster, namespace, url, topicRoot } = inputs;
  return (["reader", "application"] as const).flatMap((kind) =>
    Object.entries(inputs[`${kind}s`]).map(([user, { keys, generation, ...place }]): Injection => {
      const credential = userCredential(kind, { namespace, name: user }, rootKey, generation);
      const values = { url, topic: topicRoot, ...credential };
      const data = Object.entries(keys).map(([field, key]) => [key, values[field as keyof typeof values]]);
      const labels = { ...objectLabels({ cluster }), [BROKER_USER_LABEL]: credential.username };
      return { ...place, fleet: namespace, labels, data: Object.fromEntries(data) };
    }),
  );
}

/** For a write of which nobody knows whether it was carried out: the next run writes it all again. */
function unwritten(inputs: BrokerInputs): BrokerOutputs {
  const { cluster, namespace, owner, clusterUid, kubernetes, live, admin, operator } = inputs;
  const { readers, applications } = inputs;
  return {
    namespace,
    owner,
    clusterUid,
    ...(kubernetes && { kubernetes }),
    applied: "",
    shards: [],
    injected: [],
    secretNames: [],
    unfinished: { readers, applications },
    ...(live && { live, admin: admin!, users: {} }),
    ...(operator && { topology: { place: { cluster, namespace, ...operator }, objects: {} } }),
  };
}

export const brokerProvider: DynamicProvider<BrokerInputs, BrokerOutputs> = {
  diff,
  create,
  update,
  read,
  delete: remove,
};
