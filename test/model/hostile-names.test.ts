import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aclLines } from "../../builders/mosquitto/acl-file.ts";
import { brokerUsers } from "../../dynamic-providers/broker-users.ts";
import { adoptedCredentialKey, encodeCredential } from "../../model/adopted.ts";
import { deviceRecordText, readDeviceRecord } from "../../model/ledger-text.ts";
import { usernameProblem } from "../../model/mqtt-access.ts";
import { deviceTopic, mqttUsername, nameProblem } from "../../model/names.ts";
import { deviceSpec, MANIFEST_SCHEMAS } from "../../model/schema.ts";
import { mqtt } from "../../model/schema-mqtt.ts";

/** What a line, a topic filter, a regular expression, YAML or a shell would take for something else. */
const PIECES = [
  "a",
  "b-1",
  "#",
  "+",
  "/",
  "$SYS",
  "..",
  ".",
  "%u",
  "%c",
  " ",
  "\n",
  "\r",
  "\0",
  "\u2028",
  ":",
]
  .concat([
    "'",
    '"',
    "`",
    "$(id)",
    ";",
    "&",
    "|",
    "*",
    "[",
    "(",
    "\\",
    "user x",
    "topic readwrite #",
    "-",
    "_",
    "é",
  ])
  .concat(["A", "0", "{{x}}", "<", "!", "~", "="]);
const hostile = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), { maxLength: 6 }).map((pieces) => pieces.join("")),
  fc.string({ unit: "binary", maxLength: 70 }),
  fc.stringMatching(/^[a-z0-9-]{0,70}$/),
);
const rootKey = Buffer.alloc(32, 7).toString("base64");
const manifest = (name: string) => ({
  apiVersion: "edgeflock.io/v1alpha1",
  kind: "Device",
  metadata: { name },
  spec: { deviceClassReference: { name: "node" } },
});
/** Neither wildcard nor separator, nothing that ends a line or begins a topic of the broker's own. */
const LEVEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

describe("a hostile name", () => {
  it("of a device is refused, or is one level of a topic and one word of a line", () => {
    const generations = fc.integer({ min: 1, max: 1_000_000 });
    fc.assert(
      fc.property(hostile, generations, generations, (name, generation, oldest) => {
        const accepted = MANIFEST_SCHEMAS.Device.safeParse(manifest(name)).success;
        expect(accepted).toBe(nameProblem("Device", name) === undefined);
        if (!accepted) return;
        expect(name).toMatch(LEVEL);
        expect(deviceTopic("site", name).split("/")).toEqual(["site", name]);
        const username = mqttUsername(name, generation);
        expect(usernameProblem(username)).toBeUndefined();
        const record = {
          generation,
          oldest: Math.min(generation, oldest),
          declared: 1,
          issued: "2026-11-25",
        };
        expect(readDeviceRecord(deviceRecordText(name, record))).toEqual({ key: name, record });
      }),
      { numRuns: 2000 },
    );
  });

  it("of a device's past, its class or a topic root is refused too", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const spec = { deviceClassReference: { name: "node" }, formerly: [text] };
        if (deviceSpec.safeParse(spec).success) {
          for (const part of text.split("/")) expect(part).toMatch(LEVEL);
          expect(text.split("/").length).toBeLessThanOrEqual(2);
        }
        const root = { broker: { kind: "mosquitto", host: "mqtt.example" }, topicRoot: text };
        if (mqtt.safeParse(root).success) expect(text).toMatch(/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/);
      }),
      { numRuns: 2000 },
    );
  });

  it("that was adopted is refused, or makes no line of its own in the broker's files", () => {
    fc.assert(
      fc.property(hostile, (username) => {
        const adopted = { [adoptedCredentialKey("a", 1)]: encodeCredential({ username, password: "p" }) };
        const members = {
          ...{ namespace: "gh", topicRoot: "site", readers: {}, applications: {} },
          devices: { a: { class: "node" } },
          classes: { node: { commands: true, broadcasts: true } },
        };
        const users = () => brokerUsers(members, { rootKey, adopted });
        if (usernameProblem(username) !== undefined) {
          expect(users).toThrow(/its MQTT username cannot be used/);
          return;
        }
        const [user] = users();
        const lines = aclLines(user!).trimEnd().split("\n");
        expect(lines.filter((line) => !/^topic (read|write|readwrite) site\/[\w/#-]+$/.test(line))).toEqual([
          `user ${username}`,
        ]);
      }),
      { numRuns: 2000 },
    );
  });
});
