import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PlainValue } from "../../model/nvs-type.ts";
import { provenanceText, resolveSettings } from "../../model/resolve.ts";
import { type L, layer, layers, resolved } from "./layers.ts";
import { device, fleet, group, positionOf, problemsOf } from "./manifests.ts";

function group_(name: string, priority: number, settings: Record<string, PlainValue>): L {
  return layer("DeviceGroup", name, settings, { priority });
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
