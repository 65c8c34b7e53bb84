// Manifests of a generated fleet: one cluster, two classes, ten groups, devices spread over them. Pure.

const GROUPS = 10;
const CLASSES = ["sensor", "camera"];

/** YAML (as JSON documents) of a fleet whose namespace is named after its size. */
export function fleetOf(devices: number, options: { devices?: boolean; interval?: number } = {}): string {
  const { interval = 60 } = options;
  const documents = [
    cluster(devices, interval),
    ...CLASSES.map(deviceClass),
    ...Array.from({ length: GROUPS }, (_, n) => group(n)),
    ...(options.devices === false ? [] : Array.from({ length: devices }, (_, n) => device(n))),
  ];
  return documents
    .map((document) => JSON.stringify({ apiVersion: "edgeflock.io/v1alpha1", ...document }))
    .join("\n---\n");
}

function cluster(devices: number, interval: number) {
  return {
    kind: "DevicesCluster",
    metadata: { name: "bench" },
    spec: {
      namespace: `bench-${devices}`,
      settings: { "telemetry.interval": interval },
      mqtt: { broker: { kind: "external", host: "mqtt.bench.example" }, topicRoot: "bench" },
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

function group(n: number) {
  return {
    kind: "DeviceGroup",
    metadata: { name: `hall-${n}` },
    spec: {
      selector: { matchLabels: { hall: `h${n}` } },
      settings: { "wifi.ssid": `hall-${n}` },
      secrets: { "wifi.password": { random: { length: 20 } } },
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
