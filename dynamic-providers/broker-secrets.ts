// The Secrets with a broker's users as its own files have them. Pure but for the thread pool that hashes.
import { aclLines } from "../builders/mosquitto/acl-file.ts";
import { passwordLine, SALT_BYTES } from "../builders/mosquitto/password-file.ts";
import { shardUsers, type UserLines } from "../builders/mosquitto/shards.ts";
import { definitionsOf } from "../builders/rabbitmq/definitions.ts";
import { passwordHash } from "../builders/rabbitmq/password-hash.ts";
import { spreadUsers } from "../builders/spread-users.ts";
import type { Owned } from "../kubernetes/owned-object.ts";
import { deriveBytes } from "../model/derivation.ts";
import { BROKER_LABEL, brokerSecretName } from "../model/mqtt-access.ts";
import { objectLabels } from "../model/names.ts";
import type { BrokerUserWithPassword } from "./broker-users.ts";
import { ownerMark } from "./live-broker/live-broker.ts";
import { rabbitmqSalt, rabbitmqTag } from "./live-broker/rabbitmq.ts";

/** Lines that are hashed at once: enough for every thread of the pool, few enough for the memory. */
const BATCH = 64;

interface Place {
  cluster: string;
  namespace: string;
}

/**
 * Mosquitto's password and ACL files. Equal users and root key give equal bytes: a user's salt follows from the root
 * key and the user's name.
 *
 * @param rootKey base64
 */
export async function mosquittoSecrets(
  place: Place,
  users: readonly BrokerUserWithPassword[],
  rootKey: string,
): Promise<Owned[]> {
  const lines: UserLines[] = [];
  for (let start = 0; start < users.length; start += BATCH) {
    const batch = users.slice(start, start + BATCH);
    lines.push(...(await Promise.all(batch.map((user) => linesOf(user, place.namespace, rootKey)))));
  }
  return shardUsers(lines).map(({ passwordfile, aclfile }, index) =>
    secret(place, index, { passwordfile, aclfile }),
  );
}

/**
 * RabbitMQ's definitions: parts that each are a file of their own. Derived like Mosquitto's, and the same as the API
 * is sent, so that a stack can change over.
 */
export function definitionsSecrets(
  place: Place & { owner: string },
  users: readonly BrokerUserWithPassword[],
  rootKey: string,
  vhost: string,
): Owned[] {
  const tags = [rabbitmqTag(ownerMark(place.owner))];
  const defined = users.map(({ username, rights, clientId, password }) => {
    const salt = rabbitmqSalt(rootKey, place.namespace, username);
    return { username, rights, clientId, passwordHash: passwordHash(password(), salt) };
  });
  const text = (members: typeof defined) =>
    `${JSON.stringify({ vhosts: [{ name: vhost }], ...definitionsOf(members, vhost, tags) })}\n`;
  return spreadUsers(defined, (user) => text([user]).length).map((members, index) =>
    secret(place, index, { "definitions.json": text(members) }),
  );
}

function secret({ cluster, namespace }: Place, index: number, files: Record<string, string>): Owned {
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "Opaque",
    metadata: {
      name: brokerSecretName(cluster, index),
      namespace,
      labels: { ...objectLabels({ cluster }), [BROKER_LABEL]: cluster },
    },
    data: Object.fromEntries(Object.entries(files).map(([name, file]) => [name, base64(file)])),
  };
}

async function linesOf(user: BrokerUserWithPassword, namespace: string, rootKey: string): Promise<UserLines> {
  const { username } = user;
  const salt = deriveBytes(rootKey, "broker-salt", [namespace, username], SALT_BYTES);
  const password = user.certificateOnly ? "" : await passwordLine(username, user.password(), salt);
  return { username, password, acl: aclLines(user) };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
