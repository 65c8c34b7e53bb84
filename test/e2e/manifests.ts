// Manifests for end-to-end tests, as objects: a cluster in a namespace of its own, a class, groups, devices.

const apiVersion = "edgeflock.io/v1alpha1";

export function cluster(namespace: string, spec: object = {}) {
  const mqtt = { broker: { kind: "external", host: "mqtt.example" }, topicRoot: "site" };
  return {
    apiVersion,
    kind: "DevicesCluster",
    metadata: { name: namespace },
    spec: { namespace, mqtt, ...spec },
  };
}

export function deviceClass(name: string, spec: object = {}) {
  const firmware = { builder: { name: "native" } };
  return { apiVersion, kind: "DeviceClass", metadata: { name }, spec: { chip: "esp32", firmware, ...spec } };
}

export function group(name: string, hall: string, spec: object = {}) {
  const selector = { matchLabels: { hall } };
  return { apiVersion, kind: "DeviceGroup", metadata: { name }, spec: { selector, ...spec } };
}

export function device(name: string, hall: string, spec: object = {}, deviceClass = "node") {
  const metadata = { name, labels: { hall } };
  return {
    apiVersion,
    kind: "Device",
    metadata,
    spec: { deviceClassReference: { name: deviceClass }, ...spec },
  };
}

/** Two halls with a Wi-Fi of their own, three devices: a and b in the north, c in the south. */
export function twoHalls(
  namespace: string,
  options: { halls?: Record<string, string>; northSsid?: string } = {},
) {
  const halls = options.halls ?? { a: "north", b: "north", c: "south" };
  return [
    cluster(namespace, { settings: { "telemetry.interval": 60 } }),
    deviceClass("node"),
    group("north", "north", {
      settings: { "wifi.ssid": options.northSsid ?? "hall-north" },
      secrets: { "wifi.password": { fromEnv: "NORTH_WIFI_PASSWORD" } },
    }),
    group("south", "south", {
      settings: { "wifi.ssid": "hall-south" },
      secrets: { "wifi.password": { random: { length: 20 } } },
    }),
    ...Object.entries(halls).map(([name, hall]) =>
      device(name, hall, { data: { "place.name": `bench ${name}` } }),
    ),
  ];
}
