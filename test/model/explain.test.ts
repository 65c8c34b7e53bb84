import { describe, expect, it } from "vitest";
import { explainDevice } from "../../model/explain.ts";
import { explanationText } from "../../model/explain-text.ts";
import { CLASS, CLUSTER, device, fleet, group, load, stack } from "./manifests.ts";

const plain = { bold: (text: string) => text, dim: (text: string) => text };

const text = fleet(
  group(
    "north",
    "selector: { matchLabels: { hall: north } }\npriority: 10\nsettings: { wifi.ssid: hall }\nsecrets: { wifi.password: { fromConfig: northWifiPassword } }",
  ),
  group("all", 'selector: {}\nsettings: { wifi.ssid: site, a.b: "400" }'),
  device(
    "fern-01",
    "data: { location: bench 4, a.b: 5 }\nmapping: [{ setting: wifi.ssid, secretKey: SSID }, { setting: c.d, type: u8 }]",
  ),
  device("fern-02"),
);

describe("explaining a device", () => {
  it("gives each setting with its value, target, layer and what it overrode", () => {
    const explanation = explainDevice(load(text), "fern-01");
    expect(explanation).toMatchObject({
      cluster: "greenhouse",
      namespace: "greenhouse",
      class: "node",
      groups: [
        { name: "north", priority: 10 },
        { name: "all", priority: 0 },
      ],
      mqtt: { host: "mqtt.example", port: 8883, tls: true, topic: "greenhouse/fern-01" },
      notSet: ["c.d"],
    });
    expect(explanation.settings.find(({ key }) => key === "wifi.ssid")).toEqual({
      key: "wifi.ssid",
      secret: false,
      value: "hall",
      from: { kind: "DeviceGroup", name: "north", priority: 10, text: "DeviceGroup north, priority 10" },
      nvs: { namespace: "wifi", key: "ssid", type: "string" },
      secretKey: "SSID",
      overrides: [
        {
          value: "site",
          from: { kind: "DeviceGroup", name: "all", priority: 0, text: "DeviceGroup all, priority 0" },
        },
      ],
    });
    expect(explanation.settings.find(({ key }) => key === "location")!.nvs).toBeNull();
  });

  it("shows a table with secrets by their source", () => {
    const table = explanationText(explainDevice(load(text), "fern-01"), plain);
    expect(table.split("\n").map((line) => line.replace(/ {2,}/g, " | "))).toEqual([
      expect.stringMatching(/^Device fern-01 \| f.yaml:\d+$/),
      " | cluster | greenhouse, namespace greenhouse",
      " | class | node",
      " | groups | north (priority 10), all (priority 0)",
      " | MQTT | greenhouse/fern-01 at mqtt.example:8883 with TLS",
      "",
      "SETTING | VALUE | NVS | TYPE | FROM | INSTEAD OF",
      'a.b | 5 | a/b | i32 | Device fern-01 | "400" of DeviceGroup all, priority 0',
      "location | bench 4 | not in the image | Device fern-01",
      "wifi.password | (secret from config northWifiPassword) | wifi/password | string | DeviceGroup north, priority 10",
      "wifi.ssid | hall | wifi/ssid, Secret key SSID | string | DeviceGroup north, priority 10 | site of DeviceGroup all, priority 0",
      "",
      "Mapped, but set by no layer: c.d",
    ]);
  });

  it("of a name that is not there suggests the nearest, or lists what is there", () => {
    const hint = (name: string) => {
      try {
        explainDevice(load(text), name);
      } catch (error) {
        return (error as { hint?: string }).hint;
      }
      return "found";
    };
    expect(hint("fren-01")).toBe('Did you mean "fern-01"?');
    expect(hint("rose")).toBe("Devices are: fern-01, fern-02");
  });

  it("asks for the namespace where several clusters have a device of this name", () => {
    const other = (document: string) => document.replaceAll("greenhouse", "orchard");
    const of = (document: string, namespace: string) =>
      document.replace(/(metadata: \{ name: [^,} ]+)/, `$1, namespace: ${namespace}`);
    const both = ["greenhouse", "orchard"].flatMap((namespace) => [
      of(CLASS, namespace),
      of(device("d"), namespace),
    ]);
    const documents = load(stack(CLUSTER, other(CLUSTER), ...both));
    expect(() => explainDevice(documents, "d")).toThrow(/several devices of this name.* greenhouse, orchard/);
    expect(explainDevice(documents, "d", "orchard").cluster).toBe("orchard");
  });
});
