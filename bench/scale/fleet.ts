// Manifests of a generated fleet: one cluster, two classes, ten groups, devices spread over them. Pure.

const GROUPS = 10;
const CLASSES = ["sensor", "camera"];

export interface FleetChange {
  /** Name of the configuration value that the first group's Wi-Fi password comes from. */
  password?: string;
  /** Index of a device that is missing. */
  without?: number;
}

/** YAML (as JSON documents) of a fleet whose namespace is named after its size. */
export function fleetOf(devices: number, change: FleetChange = {}): string {
  const numbers = Array.from({ length: devices }, (_, n) => n).filter((n) => n !== change.without);
  const documents = [
    cluster(devices),
    ...CLASSES.map(deviceClass),
    ...Array.from({ length: GROUPS }, (_, n) => group(n, n === 0 ? change.password : undefined)),
    ...numbers.map(device),
  ];
  return documents
    .map((document) => JSON.stringify({ apiVersion: "edgeflock.io/v1alpha1", ...document }))
    .join("\n---\n");
}

function cluster(devices: number) {
  return {
    kind: "DevicesCluster",
    metadata: { name: "bench" },
    spec: {
      namespace: `bench-${devices}`,
      settings: { "telemetry.interval": 60 },
      mqtt: { broker: { kind: "mosquitto", host: "mqtt.bench.example" }, topicRoot: "bench" },
    },
  };
}

function deviceClass(name: string) {
  return {
    kind: "DeviceClass",
    metadata: { name },
    spec: { chip: "esp32", firmware: { builder: { name: "native" } }, settings: { "sensor.pin": 4 } },
  };
}

function group(n: number, password = "wifiPassword") {
  return {
    kind: "DeviceGroup",
    metadata: { name: `hall-${n}` },
    spec: {
      selector: { matchLabels: { hall: `h${n}` } },
      settings: { "wifi.ssid": `hall-${n}` },
      secrets: { "wifi.password": { fromConfig: password } },
    },
  };
}

function device(n: number) {
  return {
    kind: "Device",
    metadata: { name: `dev-${String(n).padStart(5, "0")}`, labels: { hall: `h${n % GROUPS}` } },
    spec: {
      deviceClassReference: { name: CLASSES[n % CLASSES.length] },
      data: { "place.name": `bench ${n}`, "place.row": n },
    },
  };
}
