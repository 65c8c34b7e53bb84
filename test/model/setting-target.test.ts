import { describe, expect, it } from "vitest";
import { resolveSettings } from "../../model/resolve.ts";
import { layer, layers, resolved } from "./layers.ts";
import { device, fleet, group, load, problemsOf } from "./manifests.ts";

describe("a setting's place in NVS", () => {
  const withClassMapping = (mapping: string, spec: string) =>
    fleet(device("fern-01", spec)).replace("native } }\n", `native } }\n  config: { mapping: ${mapping} }\n`);
  const targetOf = (text: string, key: string) => {
    const documents = load(text);
    const { cluster, deviceClass, first } = {
      cluster: documents.clusters[0]!.manifest,
      deviceClass: documents.classes[0]!.manifest,
      first: documents.devices[0]!.manifest,
    };
    const { settings } = resolveSettings({
      cluster: { kind: "DevicesCluster", name: "c", settings: cluster.spec.settings, secrets: {} },
      class: layer("DeviceClass", "node", {}, { mapping: deviceClass.spec.config.mapping }),
      groups: [],
      device: layer("Device", "d", first.spec.data, { mapping: first.spec.mapping }),
    });
    return settings.find((setting) => setting.key === key)?.target;
  };

  it("is what stands before and after its first dot", () => {
    expect(targetOf(fleet(device("d", "data: { a.b.c: x }")), "a.b.c")).toEqual({
      namespace: "a",
      key: "b.c",
      type: "string",
    });
  });

  it("is none without a dot and without a mapping", () => {
    expect(targetOf(fleet(device("d", "data: { location: x }")), "location")).toBeUndefined();
  });

  it("is as the class maps it, and the device's own entry replaces the class's whole", () => {
    const mapping = "[{ setting: location, namespace: place, key: name, type: blob, secretKey: PLACE }]";
    expect(targetOf(withClassMapping(mapping, "data: { location: aGk= }"), "location")).toEqual({
      namespace: "place",
      key: "name",
      type: "blob",
    });
    const own = "data: { location: x }\nmapping: [{ setting: location, namespace: here, key: it }]";
    expect(targetOf(withClassMapping(mapping, own), "location")).toEqual({
      namespace: "here",
      key: "it",
      type: "string",
    });
  });

  it.each([
    ["text", "x", "string"],
    ["true", true, "u8"],
    ["an integer", 200, "i32"],
    ["a negative integer", -1, "i32"],
    ["the largest 32-bit integer", 0x7fff_ffff, "i32"],
    ["an integer of more than 32 bits", 0x8000_0000, "i64"],
    ["a fraction", 1.5, "string"],
  ])("has by default, for %s, the type %3$s", (_, value, type) => {
    expect(resolved(layers({ device: { settings: { "a.b": value } } }))["a.b"]!.target!.type).toBe(type);
  });

  it.each([
    [
      "a namespace of 16 characters",
      "data: { abcdefghijklmnop.b: 1 }",
      /"abcdefghijklmnop" has 16 characters, an NVS namespace 1 to 15/,
    ],
    [
      "a key of 16 characters",
      "data: { a.abcdefghijklmnop: 1 }",
      /"abcdefghijklmnop" has 16 characters, an NVS key 1 to 15/,
    ],
    [
      "a mapped key of 16 characters",
      "mapping: [{ setting: a.b, key: abcdefghijklmnop }]",
      /NVS allows at most 15 characters/,
    ],
    [
      "a mapping without a namespace for a key without a dot",
      "data: { a: 1 }\nmapping: [{ setting: a, key: b }]",
      /needs a namespace and a key/,
    ],
    [
      "a type for what goes nowhere",
      "data: { a: 1 }\nmapping: [{ setting: a, type: u8 }]",
      /needs a namespace and a key/,
    ],
    [
      "a value beyond its type",
      "data: { a.b: 256 }\nmapping: [{ setting: a.b, type: u8 }]",
      /expected an integer from 0 to 255 \(u8\)/,
    ],
    [
      "text for a number",
      "data: { a.b: x }\nmapping: [{ setting: a.b, type: u8 }]",
      /expected an integer from 0 to 255/,
    ],
    [
      "a fraction for a number",
      "data: { a.b: 1.0 }\nmapping: [{ setting: a.b, type: u8 }]",
      /expected an integer/,
    ],
    [
      "two settings for one place",
      "data: { a.b: 1, x: 2 }\nmapping: [{ setting: x, namespace: a, key: b }]",
      /"x" and "a.b" both go to NVS key a\/b/,
    ],
    [
      "Edgeflock's namespace",
      "data: { x: 2 }\nmapping: [{ setting: x, namespace: mqtt, key: host }]",
      /the NVS namespace "mqtt" is Edgeflock's own/,
    ],
    [
      "Edgeflock's other namespace",
      "data: { x: 2 }\nmapping: [{ setting: x, namespace: edgeflock, key: y }]",
      /Edgeflock's own/,
    ],
    [
      "Edgeflock's key of the Secret",
      "data: { x: 2 }\nmapping: [{ setting: x, secretKey: config.bin }]",
      /key config.bin of the device's Secret is Edgeflock's own/,
    ],
    [
      "two settings for one key of the Secret",
      "data: { x: 2, y: 3 }\nmapping: [{ setting: x, secretKey: K }, { setting: y, secretKey: K }]",
      /"y" and "x" both go to key K/,
    ],
    [
      "a setting that is mapped twice",
      "mapping: [{ setting: a.b }, { setting: a.b, type: u8 }]",
      /"a.b" is mapped twice here/,
    ],
  ])("is refused for %s", (_, spec, message) => {
    expect(problemsOf(fleet(device("fern-01", spec)))).toEqual([expect.stringMatching(message)]);
  });

  it("holds 64-bit values exactly, as decimal text", () => {
    const spec = 'data: { a.b: "18446744073709551615" }\nmapping: [{ setting: a.b, type: u64 }]';
    expect(problemsOf(fleet(device("fern-01", spec)))).toEqual([]);
    expect(problemsOf(fleet(device("fern-01", spec.replace("615", "616"))))).toHaveLength(1);
  });
});

describe("a secret from above that goes to no device", () => {
  const withSecrets = (spec: string, mapping = "[]") =>
    fleet(
      group("north", "selector: { matchLabels: { hall: north } }\nsecrets: { GROUP_TOKEN: { fromEnv: G } }"),
      device("fern-01", spec),
    ).replace(
      "native } }\n",
      `native } }\n  config: { mapping: ${mapping} }\n  secrets: { BUILD_TOKEN: { fromEnv: T }, a.b: { fromEnv: A } }\n`,
    );
  const asked = "mapping: [{ setting: a.b, secretKey: AB }, { setting: BUILD_TOKEN, secretKey: X }]";

  it.each([
    ["of its class", asked, "BUILD_TOKEN", "DeviceClass node"],
    [
      "of its class, by a place in NVS",
      "mapping: [{ setting: BUILD_TOKEN, namespace: a, key: c }]",
      "BUILD_TOKEN",
      "DeviceClass node",
    ],
    [
      "of its group",
      "mapping: [{ setting: GROUP_TOKEN, secretKey: X }]",
      "GROUP_TOKEN",
      "DeviceGroup north, priority 0",
    ],
  ])("is not drawn into a Device by its mapping: one %s", (_, spec, key, from) => {
    const text = withSecrets(spec);
    const problems = problemsOf(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^f\.yaml:\d+:\d+ spec\.mapping\[\d\]\.setting: /);
    expect(problems[0]).toContain(`"${key}" is a secret of ${from} that goes to no device`);
  });

  it("is not drawn in where the class's own entry gives it no place either", () => {
    expect(problemsOf(withSecrets(asked, "[{ setting: BUILD_TOKEN }]"))).toHaveLength(1);
  });

  it("may be put elsewhere by a Device where its class gives it a place, or where it is the Device's own", () => {
    const own = "secrets: { BUILD_TOKEN: { random: { length: 20 } } }\n";
    expect(problemsOf(withSecrets(asked, "[{ setting: BUILD_TOKEN, secretKey: T }]"))).toEqual([]);
    expect(problemsOf(withSecrets(own + asked))).toEqual([]);
  });
});
