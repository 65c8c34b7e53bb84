// A fleet's users at an EMQX 5, in its built-in database, by its HTTP API. EMQX keeps nothing about a user but its
// rules, so the first of them, which denies a topic that nobody uses, says whose it is and which password it has.
// https://docs.emqx.com/en/emqx/latest/admin/api.html
import { type EmqxRule, emqxRules } from "../../builders/emqx/rules.ts";
import { fingerprint } from "../../model/derivation.ts";
import type { BrokerUserWithPassword } from "../broker-users.ts";
import { stableDigest } from "../stable-digest.ts";
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

interface PreparedUser extends Prepared {
  rules: EmqxRule[];
  password(): string;
}

interface Page<T> {
  data: T[];
  meta: { hasnext?: boolean };
}

const USERS = "/api/v5/authentication/password_based%3Abuilt_in_database/users";
const RULES = "/api/v5/authorization/sources/built_in_database/rules/users";
const PAGE = 1000;
const MARK = /^\$edgeflock\/([0-9a-f]{16})\/[0-9a-f]+$/;

export function openEmqx(target: LiveTarget, admin: Administrator, origin: Origin): LiveBroker<PreparedUser> {
  return new Emqx(new HttpApi(target, admin), origin);
}

class Emqx implements LiveBroker<PreparedUser> {
  readonly #api: HttpApi;
  readonly #origin: Origin;
  #withRules = new Set<string>();

  constructor(api: HttpApi, origin: Origin) {
    this.#api = api;
    this.#origin = origin;
  }

  async survey(): Promise<Map<string, Surveyed>> {
    const users = await this.#all<{ user_id: string; is_superuser?: boolean }>(USERS);
    const rules = await this.#all<{ username: string; rules: EmqxRule[] }>(RULES);
    const known = new Map(users.map(({ user_id, is_superuser }) => [user_id, is_superuser ?? false]));
    this.#withRules = new Set(rules.map(({ username }) => username));
    const rulesOf = new Map(rules.map((each) => [each.username, each.rules]));
    // A user whose making was interrupted may have rules only.
    const names = new Set([...known.keys(), ...rulesOf.keys()]);
    return new Map(
      [...names].map((name) => {
        const own = rulesOf.get(name) ?? [];
        const mark = MARK.exec(own[0]?.topic ?? "")?.[1];
        return [name, { mark, digest: digestOf(own, known.get(name)) }];
      }),
    );
  }

  prepare({ username, rights, password }: BrokerUserWithPassword): PreparedUser {
    const { mark, rootKey, namespace } = this.#origin;
    const print = fingerprint(rootKey, ["broker-password", namespace, username], password());
    const owner: EmqxRule = { topic: `$edgeflock/${mark}/${print}`, permission: "deny", action: "all" };
    const rules = [owner, ...emqxRules(rights)];
    return { username, rules, password, digest: digestOf(rules, false) };
  }

  /**
   * Rules come before the user and go last: without rules a user of ours could not be told from others', nor that a
   * killed run had yet to end its connections.
   */
  async apply({ write, remove, gone, live }: Work<PreparedUser>): Promise<void> {
    for (const { username, rules, password } of write) {
      await this.#writeRules(username, rules);
      await this.#writeUser(username, password());
    }
    for (const username of remove) {
      await this.#api.json("DELETE", `${USERS}/${encodeURIComponent(username)}`, undefined, [404]);
    }
    const changed = write.map(({ username }) => username).filter((username) => live.has(username));
    const ended = [...changed, ...remove, ...gone];
    if (ended.length === 0) return;
    await this.#api.json("DELETE", "/api/v5/authorization/cache", undefined, [404]);
    for (const username of ended) await this.#endConnections(username);
    for (const username of remove) {
      await this.#api.json("DELETE", `${RULES}/${encodeURIComponent(username)}`, undefined, [404]);
    }
  }

  async removeRest(): Promise<void> {}

  async close(): Promise<void> {
    this.#api.close();
  }

  async #writeRules(username: string, rules: EmqxRule[]): Promise<void> {
    if (this.#withRules.has(username)) {
      await this.#api.json("PUT", `${RULES}/${encodeURIComponent(username)}`, { username, rules });
    } else {
      await this.#api.json("POST", RULES, [{ username, rules }]);
    }
  }

  async #writeUser(username: string, password: string): Promise<void> {
    const path = `${USERS}/${encodeURIComponent(username)}`;
    const user = { password, is_superuser: false };
    if (await this.#api.json("GET", path, undefined, [404])) await this.#api.json("PUT", path, user);
    else await this.#api.json("POST", USERS, { user_id: username, ...user });
  }

  async #endConnections(username: string): Promise<void> {
    const query = `username=${encodeURIComponent(username)}`;
    for (const { clientid } of await this.#all<{ clientid: string }>("/api/v5/clients", query)) {
      await this.#api.json("DELETE", `/api/v5/clients/${encodeURIComponent(clientid)}`, undefined, [404]);
    }
  }

  async #all<T>(path: string, query?: string): Promise<T[]> {
    const found: T[] = [];
    for (let page = 1; ; page++) {
      const asked = [...(query === undefined ? [] : [query]), `page=${page}`, `limit=${PAGE}`].join("&");
      const { data, meta } = await this.#api.get<Page<T>>(`${path}?${asked}`);
      found.push(...data);
      if (data.length < PAGE || meta.hasnext === false) return found;
    }
  }
}

/** Of the rules what we set: newer versions add fields of their own with their defaults. */
function digestOf(rules: EmqxRule[], superuser: boolean | undefined): string {
  return stableDigest([
    rules.map(({ topic, permission, action }) => ({ topic, permission, action })),
    superuser ?? "no user",
  ]);
}
