// Names that scripts, people and other tools rely on (design §3): objects, labels, their limits. Pure; touches nothing.

export const API_GROUP = "edgeflock.io";
export const API_VERSION = `${API_GROUP}/v1alpha1`;

/** Longest DNS label (RFC 1123), and so the longest name of a Kubernetes object with our endings. */
export const DNS_LABEL_MAX = 63;
export const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

export type Kind = "DevicesCluster" | "DeviceClass" | "DeviceGroup" | "Device";
export const KINDS = ["DevicesCluster", "DeviceClass", "DeviceGroup", "Device"] as const;

/** What the API server calls them where they are installed: in URLs and in roles. */
export const PLURALS = {
  DevicesCluster: "devicesclusters",
  DeviceClass: "deviceclasses",
  DeviceGroup: "devicegroups",
  Device: "devices",
} as const satisfies Record<Kind, string>;

/** Endings of the objects that each kind creates. */
export const ENDINGS = {
  DevicesCluster: ["-devices-cluster", "-artifact-access", "-artifact-store"],
  DeviceClass: ["-device-class", "-flash"],
  DeviceGroup: ["-device-group"],
  Device: ["-device", "-board"],
} as const satisfies Record<Kind, readonly string[]>;

/** Endings that nobody else's object in the namespace may bear. */
export const RESERVED_ENDINGS: readonly string[] = Object.values(ENDINGS).flat();

/** Longest `metadata.name` of a kind, so that every object made from it still has a DNS label for a name. */
export function nameMax(kind: Kind): number {
  return DNS_LABEL_MAX - Math.max(...ENDINGS[kind].map((ending) => ending.length));
}

/** What is wrong with a text as a DNS label of at most `max` characters, or undefined. */
export function dnsLabelProblem(text: string, max: number = DNS_LABEL_MAX): string | undefined {
  if (text === "") return "must not be empty";
  if (!DNS_LABEL.test(text)) {
    return `must be a DNS label: a-z, 0-9 and "-", beginning and ending with a letter or digit`;
  }
  if (text.length > max) return `must have at most ${max} characters, this has ${text.length}`;
  return undefined;
}

/** What is wrong with a text as the name of this kind, or undefined. */
export function nameProblem(kind: Kind, text: string): string | undefined {
  return dnsLabelProblem(text, nameMax(kind));
}

export function clusterSecretName(name: string): string {
  return `${name}-devices-cluster`;
}

/** Secret with what whoever flashes needs to read firmware from outside of the cluster. */
export function artifactAccessName(clusterName: string): string {
  return `${clusterName}-artifact-access`;
}

/** Secret with what gets builds into an object store where the fleet has a user of its own. */
export function artifactStoreName(clusterName: string): string {
  return `${clusterName}-artifact-store`;
}

export function classSecretName(name: string): string {
  return `${name}-device-class`;
}

/** Secret of a DeviceGroup: `spec.secret.name`, else `<name>-device-group`. */
export function groupSecretName(name: string, spec?: { secret?: { name: string } | undefined }): string {
  return spec?.secret?.name ?? `${name}-device-group`;
}

export function deviceSecretName(name: string): string {
  return `${name}-device`;
}

/** ConfigMap with the flash script and the reference of the artefact. */
export function flashConfigMapName(className: string): string {
  return `${className}-flash`;
}

/** ConfigMap with the bill of materials of firmware that the class no longer has. */
export function billConfigMapName(className: string, digest: string): string {
  return `${className}-sbom-${digest.slice("sha256:".length, 23)}`;
}

/** Lease that whoever flashes writes. */
export function boardLeaseName(deviceName: string): string {
  return `${deviceName}-board`;
}

export const CLUSTER_LABEL = "edgeflock.io/cluster";
export const CLASS_LABEL = "edgeflock.io/class";
export const GROUP_LABEL = "edgeflock.io/group";
export const DEVICE_LABEL = "edgeflock.io/device";
export const MANAGED_BY_LABEL = "app.kubernetes.io/managed-by";
export const MANAGED_BY = "edgeflock";

/** Labels that every object of ours bears. */
export function objectLabels(of: {
  cluster: string;
  class?: string;
  group?: string;
  device?: string;
}): Record<string, string> {
  return {
    [MANAGED_BY_LABEL]: MANAGED_BY,
    [CLUSTER_LABEL]: of.cluster,
    ...(of.class === undefined ? {} : { [CLASS_LABEL]: of.class }),
    ...(of.group === undefined ? {} : { [GROUP_LABEL]: of.group }),
    ...(of.device === undefined ? {} : { [DEVICE_LABEL]: of.device }),
  };
}

/**
 * The resource of the fleet's root key. Constant, and without a parent: no renamed file, component or cluster may ever
 * make a new key.
 */
export const ROOT_KEY_NAME = "edgeflock-root-key";
/** Its type in a URN. */
export const ROOT_KEY_TYPE = "random:index/randomPassword:RandomPassword";

/** Keys that Edgeflock itself writes into a device's Secret (design §3). */
export const DEVICE_SECRET_KEYS = [
  "MQTT_USERNAME",
  "MQTT_PASSWORD",
  "MQTT_HOST",
  "MQTT_PORT",
  "MQTT_TOPIC",
  "MQTT_CA",
  "tls.crt",
  "tls.key",
  "config.bin",
  "config.csv",
  "nvs-keys.bin",
] as const;

/** NVS namespaces of the keys that every firmware relies on; settings don't go there. */
export const RESERVED_NVS_NAMESPACES = ["edgeflock", "mqtt"] as const;

/**
 * The topic below which a device publishes and subscribes.
 *
 * @param deviceName its oldest name
 */
export function deviceTopic(topicRoot: string, deviceName: string): string {
  return `${topicRoot}/${deviceName}`;
}

/**
 * The MQTT user of a device. A broker holds one password a user, so a new generation is a new user beside the old one.
 *
 * @param deviceName its oldest name
 */
export function mqttUsername(deviceName: string, generation: number): string {
  return generation === 1 ? deviceName : `${deviceName}.g${generation}`;
}
