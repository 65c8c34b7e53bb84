// RabbitMQ's definitions: users, permissions and topic permissions, as its API and its `load_definitions` take them.
// Pure. https://www.rabbitmq.com/docs/definitions
import type { BrokerUser } from "../../model/mqtt-access.ts";
import { HASHING } from "./password-hash.ts";
import { permissions, topicPermissions } from "./permissions.ts";

export interface Definitions {
  vhosts?: { name: string; description?: string; tags?: string[] }[];
  users: { name: string; password_hash: string; hashing_algorithm: string; tags: string[]; limits: object }[];
  permissions: { user: string; vhost: string; configure: string; write: string; read: string }[];
  topic_permissions: { user: string; vhost: string; exchange: string; write: string; read: string }[];
}

export interface DefinedUser extends Pick<BrokerUser, "username" | "rights" | "clientId"> {
  passwordHash: string;
}

export const DEFAULT_VHOST = "/";

/** @param tags of every user; none of RabbitMQ's own, which would give rights */
export function definitionsOf(users: readonly DefinedUser[], vhost: string, tags: string[]): Definitions {
  return {
    users: users.map(({ username, passwordHash }) => ({
      name: username,
      password_hash: passwordHash,
      hashing_algorithm: HASHING.sha256,
      tags,
      limits: {},
    })),
    permissions: users.map((user) => ({ user: user.username, vhost, ...permissions(user) })),
    topic_permissions: users.map((user) => ({ user: user.username, vhost, ...topicPermissions(user) })),
  };
}
