import { describe, expect, it } from "vitest";
import { definitionsSecrets, mosquittoSecrets } from "../../dynamic-providers/broker-secrets.ts";
import { type BrokerMembers, brokerUsers, type MemberDevice } from "../../dynamic-providers/broker-users.ts";
import { adoptedCredentialKey, encodeCredential } from "../../model/adopted.ts";
import { deriveText } from "../../model/derivation.ts";
import { deviceCredential, userCredential } from "../../model/mqtt-credentials.ts";

const rootKey = Buffer.alloc(32, 7).toString("base64");
const members = (devices: Record<string, Partial<MemberDevice>>, more: Partial<BrokerMembers> = {}) => ({
  namespace: "gh",
  topicRoot: "site",
  devices: Object.fromEntries(Object.entries(devices).map(([name, of]) => [name, { class: "node", ...of }])),
  classes: { node: { commands: true, broadcasts: true } },
  readers: {},
  applications: {},
  ...more,
});
const source = (adopted: Record<string, string> = {}) => ({ rootKey, adopted });
const adopted = (device: string, generation: number, username: string, password = "p") => ({
  [adoptedCredentialKey(device, generation)]: encodeCredential({ username, password }),
});
const names = (of: BrokerMembers, known = {}) =>
  brokerUsers(of, source(known)).map(({ username }) => username);

describe("the broker's users", () => {
  it("have the passwords that their boards have", () => {
    const [user] = brokerUsers(members({ b: { original: "old/a", generation: 2 } }), source());
    const identity = { original: { namespace: "old", name: "a" }, namespace: "gh", generation: 2 };
    expect(user).toMatchObject({ username: "a.g2" });
    expect(user!.password()).toBe(deviceCredential(identity, rootKey, {}).password);
    expect(user!.rights[0]).toEqual({ access: "readwrite", topic: "site/a/#" });
  });

  it("are two for a device whose former generation is still taken, with the same rights", () => {
    const users = brokerUsers(members({ a: { generation: 3, oldest: 2 } }), source());
    expect(users.map(({ username }) => username)).toEqual(["a.g3", "a.g2"]);
    expect(users[0]!.rights).toEqual(users[1]!.rights);
    expect(users[0]!.password()).not.toBe(users[1]!.password());
  });

  it("keep what was adopted; of two generations under one name the present one counts", () => {
    const known = { ...adopted("a", 2, "legacy", "new"), ...adopted("a", 1, "legacy", "old") };
    const users = brokerUsers(members({ a: { generation: 2, oldest: 1 } }), source(known));
    expect(users.map(({ username, password }) => [username, password()])).toEqual([["legacy", "new"]]);
  });

  it("of two devices under one name are refused, and names that would break a line", () => {
    expect(() => names(members({ a: {}, b: {} }), adopted("b", 1, "a"))).toThrow(
      /Device b and Device a have one MQTT username, "a"/,
    );
    for (const wrong of ["a:b", "a\nuser root", "", "ä", "a b"]) {
      expect(() => names(members({ a: {} }), adopted("a", 1, wrong))).toThrow(
        /Device a: its MQTT username cannot/,
      );
    }
  });

  it("that are let in by certificates have no password that somebody was ever given, at any broker", () => {
    const known = adopted("a", 1, "legacy", "old");
    const all = { a: { generation: 2, oldest: 1 }, b: {} };
    const given = brokerUsers(members(all, { auth: "both" }), source(known));
    const now = brokerUsers(members(all, { auth: "certificate" }), source(known));
    expect(now.map(({ username }) => username)).toEqual(given.map(({ username }) => username));
    const passwords = [...given, ...now].map(({ password }) => password());
    expect(new Set(passwords).size).toBe(passwords.length);
    const place = { cluster: "gh", namespace: "gh", owner: "p/s/gh" };
    const definitions = (of: typeof now) => JSON.stringify(definitionsSecrets(place, of, rootKey, "/"));
    expect(definitions(now)).not.toBe(definitions(given));
  });

  it("that are no device can never have a device's name", () => {
    const all = members({ reader: {}, "reader-x": {} }, { readers: { x: {} }, applications: { x: {} } });
    expect(names(all)).toEqual(["reader", "reader-x", "reader_x", "application_x"]);
  });

  it("that are no device have the password of before until their generation is raised, and then another", () => {
    const passwords = (generation?: number) => {
      const one = { x: generation === undefined ? {} : { generation } };
      const all = members({}, { readers: one, applications: one });
      return brokerUsers(all, source()).map(({ username, password }) => [username, password()]);
    };
    const place = { namespace: "gh", name: "x" };
    const former = (kind: "reader" | "application") => [
      `${kind}_x`,
      deriveText(rootKey, "mqtt-user-password", ["gh", kind, "x"], 43),
    ];
    expect(passwords()).toEqual([former("reader"), former("application")]);
    expect(passwords(1)).toEqual(passwords());
    const renewed = userCredential("reader", place, rootKey, 2);
    expect(passwords(2)[0]).toEqual(["reader_x", renewed.password]);
    expect(new Set([...passwords(), ...passwords(2), ...passwords(3)].map(([, word]) => word)).size).toBe(6);
  });

  it("of a class that is not there may only speak", () => {
    const [user] = brokerUsers(members({ a: { class: "gone" } }), source());
    expect(user!.rights).toEqual([{ access: "write", topic: "site/a/#" }]);
  });

  it("give equal bytes again, other salts for other users, and others under another root key", async () => {
    const of = { cluster: "c", namespace: "gh" };
    const users = brokerUsers(members({ a: {}, b: {} }), source());
    const once = await mosquittoSecrets(of, users, rootKey);
    expect(await mosquittoSecrets(of, [...users].reverse(), rootKey)).toEqual(once);
    const lines = Buffer.from((once[0]!.data as Record<string, string>).passwordfile!, "base64").toString();
    const salts = lines
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split("$")[3]);
    expect(new Set(salts).size).toBe(2);
    const other = await mosquittoSecrets(of, users, Buffer.alloc(32, 8).toString("base64"));
    expect(other).not.toEqual(once);
    expect(once[0]!.metadata).toMatchObject({ name: "c-broker-1", labels: { "edgeflock.io/broker": "c" } });
  });
});
