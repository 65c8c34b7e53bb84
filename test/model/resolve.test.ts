import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PlainValue } from "../../model/nvs-type.ts";
import { type Layer, type Layers, provenanceText, resolveSettings } from "../../model/resolve.ts";
import { device, fleet, group, load, positionOf, problemsOf } from "./manifests.ts";

type L = Layer<string>;

function layer(
  kind: L["kind"],
  name: string,
  settings: Record<string, PlainValue> = {},
  more: Partial<L> = {},
): L {
  return { kind, name, settings, secrets: {}, ...more };
}

function layers(parts: {
  cluster?: Partial<L>;
  class?: Partial<L>;
  groups?: L[];
  device?: Partial<L>;
}): Layers<string> {
  return {
    cluster: { ...layer("DevicesCluster", "site"), ...parts.cluster },
    class: { ...layer("DeviceClass", "node"), ...parts.class },
    groups: parts.groups ?? [],
    device: { ...layer("Device", "fern-01"), ...parts.device },
  };
}

function group_(name: string, priority: number, settings: Record<string, PlainValue>): L {
  return layer("DeviceGroup", name, settings, { priority });
}

function resolved(input: Layers<string>) {
  const { settings, problems } = resolveSettings(input);
  expect(problems).toEqual([]);
  return Object.fromEntries(settings.map((setting) => [setting.key, setting]));
}

describe("precedence", () => {
  it("is Device over DeviceGroup over DeviceClass over DevicesCluster", () => {
    const settings = resolved(
      layers({
        cluster: { settings: { "k.cluster": 1, "k.class": 1, "k.group": 1, "k.device": 1 } },
        class: { settings: { "k.class": 2, "k.group": 2, "k.device": 2 } },
        groups: [group_("g", 0, { "k.group": 3, "k.device": 3 })],
        device: { settings: { "k.device": 4 } },
      }),
    );
    const winners = Object.values(settings).map((each) => [
      each.key,
      !each.secret && each.value,
      each.from.kind,
    ]);
    expect(winners).toEqual([
      ["k.class", 2, "DeviceClass"],
      ["k.cluster", 1, "DevicesCluster"],
      ["k.device", 4, "Device"],
      ["k.group", 3, "DeviceGroup"],
    ]);
  });

  it("among groups is by the higher priority, in whatever order they come", () => {
    const groups = [
      group_("low", -5, { "a.b": "low" }),
      group_("high", 7, { "a.b": "high" }),
      group_("mid", 0, { "a.b": "mid" }),
    ];
    for (const order of [groups, [...groups].reverse()]) {
      const setting = resolved(layers({ groups: order }))["a.b"]!;
      expect(setting).toMatchObject({ value: "high" });
      expect(provenanceText(setting.from)).toBe("DeviceGroup high, priority 7");
      expect(setting.overrides.map(provenanceText)).toEqual([
        "DeviceGroup mid, priority 0",
        "DeviceGroup low, priority -5",
      ]);
    }
  });

  it("does not look at values: false, zero and the empty text win, too", () => {
    const settings = resolved(
      layers({
        cluster: { settings: { "a.x": true, "a.y": 9, "a.z": "text" } },
        device: { settings: { "a.x": false, "a.y": 0, "a.z": "" } },
      }),
    );
    expect(Object.values(settings).map((each) => !each.secret && each.value)).toEqual([false, 0, ""]);
  });

  it("agrees with a naive oracle for any layers", () => {
    const key = fc.constantFrom("a.a", "a.b", "a.c", "b.a", "plain");
    const settings = fc.dictionary(
      key,
      fc.oneof(fc.integer({ min: -9, max: 9 }), fc.boolean(), fc.constantFrom("x", "")),
    );
    const groups = fc.uniqueArray(fc.tuple(fc.integer({ min: -3, max: 3 }), settings), {
      selector: ([priority]) => priority,
    });
    fc.assert(
      fc.property(settings, settings, groups, settings, (cluster, deviceClass, tuples, device) => {
        const input = layers({
          cluster: { settings: cluster },
          class: { settings: deviceClass },
          groups: tuples.map(([priority, each]) => group_(`g${priority}`, priority, each)),
          device: { settings: device },
        });
        const sorted = [...tuples].sort((a, b) => a[0] - b[0]).map(([, each]) => each);
        const expected = Object.assign({}, cluster, deviceClass, ...sorted, device);
        const got = resolveSettings(input);
        expect(got.problems).toEqual([]);
        expect(
          Object.fromEntries(got.settings.map((each) => [each.key, !each.secret && each.value])),
        ).toEqual(expected);
        expect(got.settings.map((each) => each.key)).toEqual(Object.keys(expected).sort());
        const holders = [cluster, deviceClass, ...sorted, device];
        for (const { key, overrides } of got.settings) {
          expect(overrides).toHaveLength(holders.filter((each) => Object.hasOwn(each, key)).length - 1);
        }
      }),
    );
  });
});

describe("two groups of one priority", () => {
  const north = group("north", "selector: { matchLabels: { hall: north } }\nsettings: { wifi.ssid: a }");
  const ferns = group("ferns", "selector: { matchLabels: { crop: fern } }\nsettings: { wifi.ssid: a }");
  const both = "{ hall: north, crop: fern }";

  it("may not set the same key for a device, even to the same value; both are named", () => {
    const text = fleet(north, ferns, device("fern-01", "", both));
    expect(problemsOf(text)).toEqual([
      `f.yaml:${positionOf(text, "a }", text.indexOf("hall"))} spec.settings.wifi.ssid: "wifi.ssid" is set by DeviceGroup ferns, priority 0, too; give one of the two groups a higher priority`,
    ]);
  });

  it("are reported once, however many devices both select", () => {
    const devices = Array.from({ length: 50 }, (_, index) => device(`fern-${index}`, "", both));
    expect(problemsOf(fleet(north, ferns, ...devices))).toHaveLength(1);
  });

  it("may set it for different devices", () => {
    const text = fleet(north, ferns, device("a", "", "{ hall: north }"), device("b", "", "{ crop: fern }"));
    expect(problemsOf(text)).toEqual([]);
  });

  it("are no problem where the device, or a group above them, decides", () => {
    expect(problemsOf(fleet(north, ferns, device("a", "data: { wifi.ssid: mine }", both)))).toEqual([]);
    const above = group("above", "selector: {}\npriority: 1\nsettings: { wifi.ssid: b }");
    expect(problemsOf(fleet(north, ferns, above, device("a", "", both)))).toEqual([]);
  });

  it("below a group that decides are no problem, above one they are", () => {
    const below = group("below", "selector: {}\npriority: -1\nsettings: { wifi.ssid: b }");
    expect(problemsOf(fleet(north, ferns, below, device("a", "", both)))).toHaveLength(1);
  });
});

describe("a secret", () => {
  it("is handed on as it is, with its layer", () => {
    const setting = resolved(layers({ class: { secrets: { "wifi.password": "S" } } }))["wifi.password"];
    expect(setting).toMatchObject({
      secret: true,
      source: "S",
      target: { namespace: "wifi", key: "password", type: "string" },
    });
  });

  it("in one layer makes a plain value in another an error that names both places", () => {
    const secret = group("north", "selector: {}\nsecrets: { wifi.password: { fromEnv: A } }");
    const text = fleet(secret, device("fern-01", "data: { wifi.password: hunter2 }"));
    const problems = problemsOf(text);
    expect(problems).toEqual([
      `f.yaml:${positionOf(text, "hunter2")} spec.data.wifi.password: "wifi.password" is a secret in DeviceGroup north, priority 0, so it is a secret everywhere; move it to "secrets"`,
    ]);
  });

  it("of one device is secret for another one, too", () => {
    const text = fleet(
      device("a", "secrets: { api.key: { fromEnv: A } }"),
      device("b", "data: { api.key: x }"),
    );
    expect(problemsOf(text)).toEqual([expect.stringMatching(/"api.key" is a secret in Device a/)]);
  });

  it("may not be plain in the same manifest", () => {
    const spec = "secrets: { api.key: { fromEnv: A } }";
    expect(problemsOf(fleet(device("a", `${spec}\ndata: { api.key: x }`)))).toHaveLength(1);
    const both = group("g", `selector: {}\n${spec}\nsettings: { api.key: x }`);
    expect(problemsOf(fleet(both, device("a")))).toHaveLength(1);
  });

  it("is checked by components, too, which don't load manifests", () => {
    const { problems } = resolveSettings(
      layers({ cluster: { secrets: { "a.b": "S" } }, device: { settings: { "a.b": "plain" } } }),
    );
    expect(problems).toEqual([
      expect.objectContaining({ path: "spec.data.a.b", at: { kind: "Device", name: "fern-01" } }),
    ]);
  });
});

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
