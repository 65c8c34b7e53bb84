// The part of the provider of a fleet's broker that is about RabbitMQ's messaging topology operator: writes its objects,
// looks for changes of others, and takes them away. Asks the API server; the operator does the rest at the broker.
import { HASHING, passwordHash } from "../builders/rabbitmq/password-hash.ts";
import {
  TOPOLOGY_KINDS,
  type TopologyObject,
  type TopologyPlace,
  topologyObjects,
  vhostObjects,
} from "../builders/rabbitmq/topology-objects.ts";
import type { KubernetesApi, KubernetesObject } from "../kubernetes/api.ts";
import { applyOwned, createOwned, deleteOwned, OWNER_ANNOTATION } from "../kubernetes/owned-object.ts";
import { BROKER_LABEL } from "../model/mqtt-access.ts";
import { VisibleError } from "../model/visible-error.ts";
import type { BrokerUserWithPassword } from "./broker-users.ts";
import { fieldManager } from "./field-manager.ts";
import { rabbitmqSalt } from "./live-broker/rabbitmq.ts";
import { stableDigest } from "./stable-digest.ts";

/** What the state keeps: of each name's objects a digest of what was wanted, and one of what is there. */
export interface TopologyRecord {
  place: TopologyPlace;
  objects: Record<string, { wanted: string; there: string }>;
}

export interface TopologyWish {
  place: TopologyPlace;
  owner: string;
  formerOwner: string;
  rootKey: string;
  users: readonly BrokerUserWithPassword[];
  /** What was written last. */
  known: TopologyRecord | undefined;
  /** Whether nobody has changed that since, and it bears the owner's token. */
  trusted: boolean;
}

/** Users that are written at once. */
const BATCH = 16;

/** Writes what differs from what is known, and takes away what is wanted no longer. */
export async function writeTopology(api: KubernetesApi, wish: TopologyWish): Promise<TopologyRecord> {
  const { place, known } = wish;
  await requireOperator(api);
  if (known && stableDigest([known.place]) !== stableDigest([place])) refuseMove();
  const record: TopologyRecord = { place, objects: {} };
  const wanted = new Map<string, TopologyObject[]>();
  const vhost = vhostObjects(place);
  if (vhost.length > 0) wanted.set(vhost[0]!.metadata.name, vhost);
  for (const user of wish.users) {
    const objects = topologyObjects(place, defined(user, wish));
    wanted.set(objects[0]!.metadata.name, objects);
  }
  const changed = [...wanted].filter(([name, objects]) => {
    const before = known?.objects[name];
    const same = wish.trusted && before?.wanted === shortDigest(objects);
    if (same) record.objects[name] = before!;
    return !same;
  });
  for (let start = 0; start < changed.length; start += BATCH) {
    const batch = changed.slice(start, start + BATCH);
    await Promise.all(
      batch.map(async ([name, objects]) => {
        record.objects[name] = await writeObjects(api, objects, wish, known?.objects[name] !== undefined);
      }),
    );
  }
  for (const token of new Set([wish.owner, wish.formerOwner])) {
    await deleteTopology(api, { namespace: place.namespace, owner: token }, new Set(wanted.keys()));
  }
  return record;
}

async function writeObjects(
  api: KubernetesApi,
  objects: TopologyObject[],
  { owner, formerOwner }: TopologyWish,
  isThere: boolean,
): Promise<{ wanted: string; there: string }> {
  const write = isThere ? applyOwned : createOwned;
  const live: KubernetesObject[] = [];
  for (const object of objects) {
    live.push(await write(api, object, owner, fieldManager(owner), [formerOwner]));
  }
  return { wanted: shortDigest(objects), there: contentDigest(live) };
}

/** Before anything is written. */
async function requireOperator(api: KubernetesApi): Promise<void> {
  for (const kind of TOPOLOGY_KINDS) {
    if (await api.hasKind(kind)) continue;
    throw new VisibleError(`This Kubernetes has no kind ${kind.kind} in ${kind.apiVersion}.`, {
      hint: "mqtt.broker.mechanism operator needs RabbitMQ's messaging topology operator: install it first, or take another mechanism. Nothing was changed.",
    });
  }
}

/** Takes away all that the owner has there but what is kept: first rights, then users. */
export async function deleteTopology(
  api: KubernetesApi,
  { namespace, owner }: { namespace: string; owner: string },
  keep: ReadonlySet<string> = new Set(),
): Promise<void> {
  for (const kind of TOPOLOGY_KINDS.toReversed()) {
    // A kind that was uninstalled took its objects with it.
    if (!(await api.hasKind(kind))) continue;
    const found = await api.listMetadata({ ...kind, namespace }, { labelSelector: BROKER_LABEL });
    const ours = found.filter(({ metadata }) => metadata.annotations?.[OWNER_ANNOTATION] === owner);
    for (const { metadata } of ours.filter(({ metadata }) => !keep.has(metadata.name))) {
      await deleteOwned(api, { ...kind, metadata: { namespace, name: metadata.name } }, owner);
    }
  }
}

/** One line: whose objects somebody changed since; undefined where nobody did. */
export async function topologyDrift(
  api: KubernetesApi,
  { place, objects }: TopologyRecord,
): Promise<string | undefined> {
  const live = new Map<string, KubernetesObject[]>();
  for (const kind of TOPOLOGY_KINDS) {
    const labelSelector = `${BROKER_LABEL}=${place.cluster}`;
    for (const object of await api.list<KubernetesObject>(
      { ...kind, namespace: place.namespace },
      { labelSelector },
    )) {
      const { name } = object.metadata;
      live.set(name, [...(live.get(name) ?? []), object]);
    }
  }
  const changed = Object.entries(objects)
    .filter(([name, { there }]) => contentDigest(live.get(name) ?? []) !== there)
    .map(([name]) => name);
  return changed.length === 0 ? undefined : `objects of ${changed.sort().join(", ")} changed`;
}

function defined({ password, ...user }: BrokerUserWithPassword, { place, rootKey }: TopologyWish) {
  const salt = rabbitmqSalt(rootKey, place.namespace, user.username);
  return { ...user, passwordHash: passwordHash(password(), salt, HASHING.sha512) };
}

function shortDigest(objects: readonly object[]): string {
  return stableDigest([...objects]).slice(0, 8);
}

/** Of what the objects say, without what the API server and the operator add. */
function contentDigest(objects: readonly KubernetesObject[]): string {
  return shortDigest(objects.map(({ kind, spec, data }) => ({ kind, spec, data })));
}

function refuseMove(): never {
  throw new VisibleError(
    "The topology operator keeps its objects with one RabbitMQ and one virtual host for as long as they are there.",
    {
      hint: 'To move, take them away first: "pulumi up" with mqtt.broker { kind: external, … }, then with the new place. Nothing was changed.',
    },
  );
}
