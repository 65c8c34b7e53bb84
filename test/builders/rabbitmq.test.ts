import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { definitionsOf } from "../../builders/rabbitmq/definitions.ts";
import { passwordHash } from "../../builders/rabbitmq/password-hash.ts";
import { permissions, topicPermissions } from "../../builders/rabbitmq/permissions.ts";
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
    for (const id of ["a", "a.x", "a_1", "a:b", "a/b"]) {
      expect(pattern(configure).test(`mqtt-subscription-${id}qos1`), id).toBe(true);
    }
    for (const id of ["b", "ab", "a-b", "aqos1", "b.a", ""]) {
      expect(pattern(configure).test(`mqtt-subscription-${id}qos1`), id).toBe(false);
      expect(pattern(configure).test(`mqtt-will-${id}`), id).toBe(false);
    }
    expect(pattern(write).test("amq.topic")).toBe(true);
    expect(pattern(configure).test("amq.topic")).toBe(false);
    expect(pattern(write).test("amqxtopic")).toBe(false);
  });

  it("hash as rabbitmqctl hash_password of 3.10 does, with a salt that is given", () => {
    // Made by Debian's rabbitmq-server 3.10.8 for "secret-a", with this salt.
    const made = "f0UcAmr9SGk3Nh1MPQrO+OWYvS68BrmOuJfFcNbN+aSungwB";
    const salt = Buffer.from(made, "base64").subarray(0, 4);
    expect(passwordHash("secret-a", salt)).toBe(made);
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
