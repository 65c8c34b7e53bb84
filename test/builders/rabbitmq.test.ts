import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { definitionsOf } from "../../builders/rabbitmq/definitions.ts";
import { HASHING, passwordHash } from "../../builders/rabbitmq/password-hash.ts";
import {
  boundClientId,
  mayRead,
  permissions,
  queueOwner,
  topicPermissions,
} from "../../builders/rabbitmq/permissions.ts";
import {
  type RabbitmqReference,
  type TopologyPlace,
  topologyObjects,
  vhostObjects,
} from "../../builders/rabbitmq/topology-objects.ts";
import { applicationRights, deviceRights, type TopicRight } from "../../model/mqtt-access.ts";

/** RabbitMQ's PCRE knows `\z`, which JavaScript has not: without the flag m its `$` is the same. */
const pattern = (text: string) => new RegExp(text.replaceAll("\\z", "$"));
const key = (topic: string) => topic.replaceAll("/", ".").replaceAll("+", "*");
const device = (original: string): TopicRight[] =>
  deviceRights("site", { original, className: "node", groups: ["north"], commands: true, broadcasts: true });

const level = fc.stringMatching(/^[a-z0-9_-]{1,6}$/);
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));

function matches(filter: string, topic: string): boolean {
  const [levels, parts] = [filter.split("/"), topic.split("/")];
  for (const [index, each] of levels.entries()) {
    if (each === "#") return true;
    const part = parts[index];
    if (part === undefined || (each !== "+" && each !== part)) return false;
  }
  return levels.length === parts.length;
}

describe("RabbitMQ's permissions", () => {
  it("let the same topics through as the rights' filters", () => {
    const filter = fc
      .tuple(fc.array(fc.oneof(level, fc.constant("+")), { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([levels, rest]) => [...levels, ...(rest ? ["#"] : [])].join("/"));
    fc.assert(
      fc.property(fc.array(filter, { maxLength: 4 }), topic, (filters, tried) => {
        const rights = filters.map((each): TopicRight => ({ access: "readwrite", topic: each }));
        const { write, read } = topicPermissions({ rights });
        expect(pattern(write).test(key(tried))).toBe(filters.some((each) => matches(each, tried)));
        expect(read).toBe(write);
      }),
    );
  });

  it("refuse subscriptions that reach further than the rights, and topics made to look like others", () => {
    const { read, write } = topicPermissions({ rights: device("a") });
    for (const mine of ["site/a/state", "site/a/#", "site/a/+/led", "site/_all/#", "site/a"]) {
      expect(pattern(read).test(key(mine)), mine).toBe(true);
    }
    for (const other of ["#", "+/a/#", "site/#", "site/+/state", "site/+", "site/ab/x", "xsite/a/x", ""]) {
      expect(pattern(read).test(key(other)), other).toBe(false);
    }
    for (const other of ["site/_all/time", "site/b/x", "site.b.x", "elsewhere/site/a/x"]) {
      expect(pattern(write).test(key(other)), other).toBe(false);
    }
    const commands = topicPermissions({ rights: applicationRights("site") }).write;
    expect(pattern(commands).test(key("site/a/command/led"))).toBe(true);
    expect(pattern(commands).test("site.#.command.led")).toBe(false);
  });

  it("take names for what they are, whatever they mean in an expression", () => {
    const { write } = topicPermissions({ rights: [{ access: "write", topic: "si.te/a+b(/#" }] });
    expect(pattern(write).test("si.te.a+b(.x")).toBe(true);
    expect(pattern(write).test("sixte.a+b(.x")).toBe(false);
    expect(pattern(topicPermissions({ rights: [] }).write).test("")).toBe(false);
  });

  it("bind a session to its owner: the client id is its name, or begins with it and a sign that no name has", () => {
    const { configure, write } = permissions({ clientId: "a" });
    for (const id of ["a", "a.x", "a:b", "a/b"]) {
      expect(pattern(configure).test(`mqtt-subscription-${id}qos1`), id).toBe(true);
      expect(queueOwner(`mqtt-subscription-${id}qos1`), id).toBe("a");
      expect(queueOwner(`mqtt-will-${id}`), id).toBe("a");
    }
    for (const id of ["b", "ab", "a-b", "a_1", "aqos1", "b.a", ""]) {
      expect(pattern(configure).test(`mqtt-subscription-${id}qos1`), id).toBe(false);
      expect(queueOwner(`mqtt-subscription-${id}qos1`), id).not.toBe("a");
      expect(pattern(configure).test(`mqtt-will-${id}`), id).toBe(false);
    }
    expect(pattern(write).test("amq.topic")).toBe(true);
    expect(pattern(configure).test("amq.topic")).toBe(false);
    expect(pattern(write).test("amqxtopic")).toBe(false);
  });

  it("let no device that is called as users begin have a user's session", () => {
    const { configure } = permissions({ clientId: "reader" });
    expect(pattern(configure).test("mqtt-subscription-reader_recorderqos1")).toBe(false);
    expect(queueOwner("mqtt-subscription-reader_recorder.xqos1")).toBe("reader_recorder");
    expect(queueOwner("of-somebody-else")).toBeUndefined();
  });

  it("tell whom they were made for, and no permissions of others", () => {
    for (const clientId of ["a", "b-1", "reader_recorder", "x.y(z"]) {
      expect(boundClientId(permissions({ clientId }))).toBe(clientId);
    }
    expect(boundClientId({ configure: ".*" })).toBeUndefined();
  });

  it("say of a binding whether it may stay, by its routing key", () => {
    const rights = device("a");
    for (const topic of ["site/a/command/#", "site/_group/north/#", "site/a/+"]) {
      expect(mayRead(rights, key(topic)), topic).toBe(true);
    }
    for (const topic of ["site/_group/south/#", "site/#", "#", "site/b/x"]) {
      expect(mayRead(rights, key(topic)), topic).toBe(false);
    }
  });

  it("hash as rabbitmqctl hash_password of 3.10 does, with a salt that is given", () => {
    // Made by Debian's rabbitmq-server 3.10.8 for "secret-a", with this salt.
    const made = "f0UcAmr9SGk3Nh1MPQrO+OWYvS68BrmOuJfFcNbN+aSungwB";
    const salt = Buffer.from(made, "base64").subarray(0, 4);
    expect(passwordHash("secret-a", salt)).toBe(made);
  });

  it("hash by SHA-512 too, which the topology operator wants", () => {
    const salt = Buffer.from("01020304", "hex");
    const made = Buffer.from(passwordHash("secret-a", salt, HASHING.sha512), "base64");
    expect(made.subarray(0, 4)).toEqual(salt);
    const digest = createHash("sha512").update(salt).update("secret-a").digest();
    expect(made.subarray(4).equals(digest)).toBe(true);
  });

  it("are one definition for the API and for its files", () => {
    const user = { username: "a", clientId: "a", rights: device("a"), passwordHash: "x" };
    const { users, permissions, topic_permissions } = definitionsOf([user], "/", ["t"]);
    expect(users).toEqual([
      {
        name: "a",
        password_hash: "x",
        hashing_algorithm: "rabbit_password_hashing_sha256",
        tags: ["t"],
        limits: {},
      },
    ]);
    expect(permissions).toMatchObject([{ user: "a", vhost: "/" }]);
    expect(topic_permissions).toMatchObject([{ user: "a", vhost: "/", exchange: "amq.topic" }]);
  });
});

describe("the objects of RabbitMQ's topology operator", () => {
  const place = (rabbitmq: RabbitmqReference = { name: "rabbit" }, vhost = "/"): TopologyPlace => ({
    cluster: "greenhouse",
    namespace: "gh",
    vhost,
    rabbitmq,
  });
  const user = (username: string) => ({ username, clientId: "a", rights: device("a"), passwordHash: "hash" });

  it("give the same rights as definitions, by the same expressions", () => {
    const [secret, made, permission, topicPermission] = topologyObjects(place(), user("a.g2"));
    const defined = definitionsOf([user("a.g2")], "/", []);
    const { user: _, vhost, ...rights } = defined.permissions[0]!;
    expect(permission).toMatchObject({ kind: "Permission", spec: { vhost, permissions: rights } });
    const { user: __, vhost: ___, ...topics } = defined.topic_permissions[0]!;
    expect(topicPermission).toMatchObject({ kind: "TopicPermission", spec: { vhost, permissions: topics } });
    const name = "greenhouse-mqtt-a.g2";
    for (const each of [secret, made, permission, topicPermission]) expect(each!.metadata.name).toBe(name);
    expect(made!.spec).toEqual({
      rabbitmqClusterReference: { name: "rabbit" },
      importCredentialsSecret: { name },
    });
    expect(permission!.spec).toMatchObject({ userReference: { name } });
    expect(secret!.metadata.labels["rabbitmq.com/topology-operator"]).toBe("true");
    const data = Object.entries(secret!.data as Record<string, string>).map(([key, text]) => [
      key,
      Buffer.from(text, "base64").toString(),
    ]);
    expect(Object.fromEntries(data)).toEqual({ username: "a.g2", passwordHash: "hash" });
  });

  it("have names that Kubernetes takes, one for each username", () => {
    const username = fc.stringMatching(/^[A-Za-z0-9._@-]{1,200}$/);
    const nameOf = (of: string) => topologyObjects(place(), user(of))[0]!.metadata.name;
    fc.assert(
      fc.property(username, username, (one, other) => {
        expect(nameOf(one)).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
        expect(nameOf(one).length).toBeLessThanOrEqual(253);
        expect(nameOf(one) === nameOf(other)).toBe(one === other);
      }),
      { numRuns: 1000 },
    );
    expect(nameOf("reader_recorder")).toMatch(/^greenhouse-mqtt-reader-recorder-[0-9a-f]{8}$/);
  });

  it("name the RabbitMQ as it was given, and a virtual host where it is not RabbitMQ's own", () => {
    const reference = { connectionSecret: { name: "mine" }, namespace: "messaging" };
    const [vhost] = vhostObjects(place(reference, "site/one"));
    expect(vhost).toMatchObject({
      kind: "Vhost",
      metadata: { name: "greenhouse-mqtt", namespace: "gh" },
      spec: { rabbitmqClusterReference: reference, name: "site/one", deletionPolicy: "retain" },
    });
    expect(vhostObjects(place())).toEqual([]);
  });
});
