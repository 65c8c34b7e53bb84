// A fleet's users at a RabbitMQ, by its management API. A user's tag says whose it is; the tag gives no rights.
// https://www.rabbitmq.com/docs/management#http-api
import {
  DEFAULT_VHOST,
  type DefinedUser,
  type Definitions,
  definitionsOf,
} from "../../builders/rabbitmq/definitions.ts";
import { passwordHash, SALT_BYTES } from "../../builders/rabbitmq/password-hash.ts";
import { boundClientId } from "../../builders/rabbitmq/permissions.ts";
import { deriveBytes } from "../../model/derivation.ts";
import type { BrokerUserWithPassword } from "../broker-users.ts";
import { canonicalJson, stableDigest } from "../stable-digest.ts";
import { HttpApi } from "./http-api.ts";
import type {
  Administrator,
  LiveBroker,
  LiveTarget,
  Origin,
  Prepared,
  Surveyed,
  Work,
} from "./live-broker.ts";
import { endSubscriptions } from "./rabbitmq-sessions.ts";

type User = Definitions["users"][number];
type Permission = Definitions["permissions"][number];
type TopicPermission = Definitions["topic_permissions"][number];

interface Content {
  user: Pick<User, "name" | "password_hash" | "hashing_algorithm" | "tags">;
  permissions: Permission[];
  topicPermissions: TopicPermission[];
}

interface PreparedUser extends Prepared {
  defined: DefinedUser;
}

interface Connection {
  name: string;
  user?: string;
}

/** Users in one request. */
const BATCH = 500;
const TAG = /^edgeflock-([0-9a-f]{16})$/;

/** Of a user's password hash: equal input gives equal bytes. */
export function rabbitmqSalt(rootKey: string, namespace: string, username: string): Buffer {
  return deriveBytes(rootKey, "broker-salt", [namespace, username, "rabbitmq"], SALT_BYTES);
}

/** Says whose a user is, and gives no rights. */
export function rabbitmqTag(mark: string): string {
  return `edgeflock-${mark}`;
}

export function openRabbitmq(
  target: LiveTarget,
  admin: Administrator,
  origin: Origin,
): LiveBroker<PreparedUser> {
  return new Rabbitmq(new HttpApi(target, admin), target.vhost ?? DEFAULT_VHOST, origin);
}

class Rabbitmq implements LiveBroker<PreparedUser> {
  readonly #api: HttpApi;
  readonly #vhost: string;
  readonly #origin: Origin;
  #live = new Map<string, Content>();

  constructor(api: HttpApi, vhost: string, origin: Origin) {
    this.#api = api;
    this.#vhost = vhost;
    this.#origin = origin;
  }

  async survey(): Promise<Map<string, Surveyed>> {
    const users = await this.#api.get<(Omit<User, "tags"> & { tags: string[] | string })[]>("/api/users");
    this.#live = new Map(
      users.map(({ name, password_hash, hashing_algorithm, tags }) => {
        const user = { name, password_hash, hashing_algorithm, tags: tagList(tags) };
        return [name, { user, permissions: [], topicPermissions: [] }];
      }),
    );
    for (const each of await this.#api.get<Permission[]>("/api/permissions")) {
      this.#live.get(each.user)?.permissions.push(each);
    }
    for (const each of await this.#api.get<TopicPermission[]>("/api/topic-permissions")) {
      this.#live.get(each.user)?.topicPermissions.push(each);
    }
    return new Map(
      [...this.#live].map(([name, content]) => [
        name,
        { mark: markOf(content.user.tags), digest: contentDigest(content) },
      ]),
    );
  }

  prepare({ username, rights, clientId, password }: BrokerUserWithPassword): PreparedUser {
    const { rootKey, namespace } = this.#origin;
    const salt = rabbitmqSalt(rootKey, namespace, username);
    const defined = { username, rights, clientId, passwordHash: passwordHash(password(), salt) };
    const { users, permissions, topic_permissions } = this.#definitions([defined]);
    const content = { user: users[0]!, permissions, topicPermissions: topic_permissions };
    return { username, defined, digest: contentDigest(content) };
  }

  /**
   * Who goes is deleted last, when nobody can use it any longer and nothing of it is left: until then a run that was
   * killed is known to the next one by it.
   */
  async apply({ write, remove, gone, all, live }: Work<PreparedUser>): Promise<void> {
    if (write.length > 0) await this.#ensureVhost();
    for (const { username } of write) await this.#removeOtherPermissions(username);
    for (const batch of batches(write)) {
      await this.#api.json(
        "POST",
        "/api/definitions",
        this.#definitions(batch.map(({ defined }) => defined)),
      );
    }
    for (const batch of batches(remove)) await this.#shutOut(batch);
    const changed = write.filter(({ username }) => live.has(username));
    await this.#endConnections(new Set([...changed.map(({ username }) => username), ...remove, ...gone]));
    const clients = new Set([
      ...changed.map(({ defined }) => defined.clientId),
      ...remove.flatMap((username) => this.#clientIds(username)),
    ]);
    // A device's generations have one client id, and one's rights.
    const rights = new Map(all.map(({ defined }) => [defined.clientId, defined.rights]));
    if (clients.size > 0) await endSubscriptions(this.#api, this.#vhost, clients, rights);
    for (const users of batches(remove)) await this.#api.json("POST", "/api/users/bulk-delete", { users });
    // A certificate lets in without a password, as long as there is the user.
    await this.#endConnections(new Set(remove));
  }

  /** With an empty hash no password is taken; who comes by a certificate has no rights. */
  async #shutOut(usernames: string[]): Promise<void> {
    const users = usernames.map((username) => {
      const clientId = this.#clientIds(username)[0] ?? username;
      return { username, clientId, rights: [], passwordHash: "" };
    });
    await this.#ensureVhost();
    await this.#api.json("POST", "/api/definitions", this.#definitions(users));
  }

  /** The virtual host, where we made it and nobody else has rights in it. */
  async removeRest(mark: string): Promise<void> {
    if (this.#vhost === DEFAULT_VHOST) return;
    const path = `/api/vhosts/${encodeURIComponent(this.#vhost)}`;
    const found = await this.#api.json<{ tags?: string[] } | undefined>("GET", path, undefined, [404]);
    if (!found || markOf(found.tags ?? []) !== mark) return;
    const { name: admin } = await this.#api.get<{ name: string }>("/api/whoami");
    const others = await this.#api.get<Permission[]>(`${path}/permissions`);
    if (others.every(({ user }) => user === admin)) await this.#api.json("DELETE", path);
  }

  async close(): Promise<void> {
    this.#api.close();
  }

  /** That a user was bound to. */
  #clientIds(username: string): string[] {
    const here = this.#live.get(username)?.permissions.filter(({ vhost }) => vhost === this.#vhost) ?? [];
    return here.map(boundClientId).filter((id) => id !== undefined);
  }

  #definitions(users: DefinedUser[]): Definitions {
    return definitionsOf(users, this.#vhost, [rabbitmqTag(this.#origin.mark)]);
  }

  async #ensureVhost(): Promise<void> {
    const path = `/api/vhosts/${encodeURIComponent(this.#vhost)}`;
    if (await this.#api.json("GET", path, undefined, [404])) return;
    await this.#api.json("PUT", path, {
      description: "Made by Edgeflock",
      tags: rabbitmqTag(this.#origin.mark),
    });
  }

  /** A definition adds and changes; what somebody gave one of ours besides has to go first. */
  async #removeOtherPermissions(username: string): Promise<void> {
    const live = this.#live.get(username);
    if (!live) return;
    const { permissions, topic_permissions } = this.#definitions([
      { username, rights: [], clientId: username, passwordHash: "" },
    ]);
    const place = ({ vhost, exchange }: { vhost: string; exchange?: string }) => `${vhost} ${exchange ?? ""}`;
    const wanted = new Set([...permissions, ...topic_permissions].map(place));
    const user = encodeURIComponent(username);
    for (const [kind, found] of [
      ["permissions", live.permissions],
      ["topic-permissions", live.topicPermissions],
    ] as const) {
      const vhosts = found.filter((each) => !wanted.has(place(each))).map(({ vhost }) => vhost);
      for (const vhost of new Set(vhosts)) {
        await this.#api.json("DELETE", `/api/${kind}/${encodeURIComponent(vhost)}/${user}`, undefined, [404]);
      }
    }
  }

  /** RabbitMQ lets those who are connected go on, with the rights that they had. */
  async #endConnections(users: ReadonlySet<string>): Promise<void> {
    if (users.size === 0) return;
    const all = await this.#api.get<Connection[]>("/api/connections?columns=name,user");
    for (const { name, user } of all) {
      if (user === undefined || !users.has(user)) continue;
      await this.#api.json("DELETE", `/api/connections/${encodeURIComponent(name)}`, undefined, [404]);
    }
  }
}

function markOf(tags: string[]): string | undefined {
  return tags.map((tag) => TAG.exec(tag)?.[1]).find((mark) => mark !== undefined);
}

/** Older versions give them as one text. */
function tagList(tags: string[] | string): string[] {
  return typeof tags === "string" ? tags.split(",").filter(Boolean) : tags;
}

function contentDigest({ user, permissions, topicPermissions }: Content): string {
  const { name, password_hash, hashing_algorithm, tags } = user;
  const sorted = (list: object[]) => list.map(canonicalJson).sort();
  return stableDigest([
    { name, password_hash, hashing_algorithm, tags: [...tags].sort() },
    sorted(
      permissions.map(({ user, vhost, configure, write, read }) => ({ user, vhost, configure, write, read })),
    ),
    sorted(
      topicPermissions.map(({ user, vhost, exchange, write, read }) => ({
        user,
        vhost,
        exchange,
        write,
        read,
      })),
    ),
  ]);
}

function batches<T>(items: T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / BATCH) }, (_, index) =>
    items.slice(index * BATCH, (index + 1) * BATCH),
  );
}
