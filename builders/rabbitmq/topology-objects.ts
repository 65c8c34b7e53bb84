// A fleet's users as objects of RabbitMQ's messaging topology operator, which makes them at the broker. Pure.
// https://www.rabbitmq.com/kubernetes/operator/using-topology-operator
import { createHash } from "node:crypto";
import { BROKER_LABEL } from "../../model/mqtt-access.ts";
import { objectLabels } from "../../model/names.ts";
import { DEFAULT_VHOST, type DefinedUser } from "./definitions.ts";
import { permissions, topicPermissions } from "./permissions.ts";

export const TOPOLOGY_API = "rabbitmq.com/v1beta1";

/** In the order in which they are made. */
export const TOPOLOGY_KINDS = [
  { apiVersion: TOPOLOGY_API, kind: "Vhost" },
  { apiVersion: "v1", kind: "Secret" },
  { apiVersion: TOPOLOGY_API, kind: "User" },
  { apiVersion: TOPOLOGY_API, kind: "Permission" },
  { apiVersion: TOPOLOGY_API, kind: "TopicPermission" },
] as const;

/** Which RabbitMQ: a RabbitmqCluster, or a Secret with the management API's `uri`, `username` and `password`. */
export interface RabbitmqReference {
  name?: string | undefined;
  namespace?: string | undefined;
  connectionSecret?: { name: string } | undefined;
}

export interface TopologyPlace {
  /** Name of the DevicesCluster. */
  cluster: string;
  namespace: string;
  vhost: string;
  rabbitmq: RabbitmqReference;
}

export interface TopologyObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  [field: string]: unknown;
}

/** Without it the operator does not see a Secret. */
const SEEN = { "rabbitmq.com/topology-operator": "true" };

/**
 * Four objects of one name, in the order in which they are to be made.
 *
 * @param user its hash is RabbitMQ's of SHA-512: the operator takes no other
 */
export function topologyObjects(place: TopologyPlace, user: DefinedUser): TopologyObject[] {
  const name = `${place.cluster}-mqtt-${objectName(user.username)}`;
  const { vhost } = place;
  const spec = { ...reference(place), userReference: { name }, vhost };
  const encoded = (text: string) => Buffer.from(text).toString("base64");
  const secret: TopologyObject = {
    apiVersion: "v1",
    kind: "Secret",
    type: "Opaque",
    metadata: metadata(place, name, SEEN),
    data: { username: encoded(user.username), passwordHash: encoded(user.passwordHash) },
  };
  return [
    secret,
    topology(place, "User", name, { ...reference(place), importCredentialsSecret: { name } }),
    topology(place, "Permission", name, { ...spec, permissions: permissions(user) }),
    topology(place, "TopicPermission", name, { ...spec, permissions: topicPermissions(user) }),
  ];
}

/** The virtual host; none for RabbitMQ's own. It stays when the fleet goes, as others may use it. */
export function vhostObjects(place: TopologyPlace): TopologyObject[] {
  if (place.vhost === DEFAULT_VHOST) return [];
  const spec = { ...reference(place), name: place.vhost, deletionPolicy: "retain" };
  return [topology(place, "Vhost", `${place.cluster}-mqtt`, spec)];
}

function topology(place: TopologyPlace, kind: string, name: string, spec: object): TopologyObject {
  return { apiVersion: TOPOLOGY_API, kind, metadata: metadata(place, name), spec };
}

function metadata(
  { cluster, namespace }: TopologyPlace,
  name: string,
  more: Record<string, string> = {},
): TopologyObject["metadata"] {
  return { name, namespace, labels: { ...objectLabels({ cluster }), [BROKER_LABEL]: cluster, ...more } };
}

function reference({ rabbitmq }: TopologyPlace): object {
  const { name, namespace, connectionSecret } = rabbitmq;
  const named = connectionSecret ? { connectionSecret } : { name };
  return { rabbitmqClusterReference: { ...named, ...(namespace !== undefined && { namespace }) } };
}

/** RFC 1123: labels with dots between. */
const SUBDOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const LONGEST = 100;

/** A username as part of an object's name; one that such a name cannot have is told apart by a digest. */
function objectName(username: string): string {
  if (username.length <= LONGEST && SUBDOMAIN.test(username)) return username;
  const letters = username
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean)
    .join("-")
    .slice(0, LONGEST);
  return `${letters}-${createHash("sha256").update(username).digest("hex").slice(0, 8)}`;
}
