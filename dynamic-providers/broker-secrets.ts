// The Secrets with Mosquitto's password and ACL files. Pure but for the thread pool that hashes.
import { aclLines } from "../builders/mosquitto/acl-file.ts";
import { passwordLine, SALT_BYTES } from "../builders/mosquitto/password-file.ts";
import { shardUsers, type UserLines } from "../builders/mosquitto/shards.ts";
import type { Owned } from "../kubernetes/owned-object.ts";
import { deriveBytes } from "../model/derivation.ts";
import { BROKER_LABEL, brokerSecretName } from "../model/mqtt-access.ts";
import { objectLabels } from "../model/names.ts";
import type { BrokerUserWithPassword } from "./broker-users.ts";

/** Lines that are hashed at once: enough for every thread of the pool, few enough for the memory. */
const BATCH = 64;

/**
 * Equal users and root key give equal bytes: a user's salt follows from the root key and the user's name.
 *
 * @param rootKey base64
 */
export async function brokerSecrets(
  { cluster, namespace }: { cluster: string; namespace: string },
  users: readonly BrokerUserWithPassword[],
  rootKey: string,
): Promise<Owned[]> {
  const lines: UserLines[] = [];
  for (let start = 0; start < users.length; start += BATCH) {
    const batch = users.slice(start, start + BATCH);
    lines.push(...(await Promise.all(batch.map((user) => linesOf(user, namespace, rootKey)))));
  }
  return shardUsers(lines).map(({ passwordfile, aclfile }, index) => ({
    apiVersion: "v1",
    kind: "Secret",
    type: "Opaque",
    metadata: {
      name: brokerSecretName(cluster, index),
      namespace,
      labels: { ...objectLabels({ cluster }), [BROKER_LABEL]: cluster },
    },
    data: { passwordfile: base64(passwordfile), aclfile: base64(aclfile) },
  }));
}

async function linesOf(user: BrokerUserWithPassword, namespace: string, rootKey: string): Promise<UserLines> {
  const { username } = user;
  const salt = deriveBytes(rootKey, "broker-salt", [namespace, username], SALT_BYTES);
  return { username, password: await passwordLine(username, user.password(), salt), acl: aclLines(user) };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
