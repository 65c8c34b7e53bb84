// What goes into one device's configuration image: Edgeflock's own keys and the device's settings, in a fixed
// order, first as a plan without secret values, then filled with them. Pure; touches nothing.
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { brokerPort } from "./mqtt-broker.ts";
import { RESERVED_NVS_NAMESPACES } from "./names.ts";
import { NVS_NAME_MAX, type NvsType, NvsValueError, type PlainValue, parseNvsValue } from "./nvs-type.ts";
import { compareText } from "./problem.ts";
import { provenanceText, type ResolvedSetting } from "./resolve.ts";
import type { MqttAuth } from "./schema-mqtt.ts";
import { VisibleError } from "./visible-error.ts";

export interface DeviceConfigInput<S> {
  device: string;
  className: string;
  cluster: {
    name: string;
    mqtt: {
      broker: { host: string; port?: number | undefined; tls?: boolean | undefined };
      ca?: string | undefined;
      auth?: MqttAuth | undefined;
    };
  };
  /** The device's own topic, `<topicRoot>/<device>`. */
  topic: string;
  /** Topic filters that the device may read, as `deviceSubscriptions` gives them. */
  subscriptions: readonly string[];
  username: string;
  /** Credential generation, from 1. */
  generation: number;
  settings: readonly ResolvedSetting<S>[];
}

/** One key of the image. `from` says where the value comes from, for previews. */
export type PlannedEntry = { namespace: string; key: string; type: NvsType; from: string } & (
  | { secret: false; value: PlainValue }
  /** `ref` is the key in the bag of secret values: the setting's key, or one of `MQTT_REFS`. */
  | { secret: true; ref: string }
  /** The digest of all other entries, known when their values are. */
  | { secret: false; computed: "digest" }
);

export interface ConfigPlan {
  entries: PlannedEntry[];
}

/** The bag's keys of the device's MQTT credentials. No setting can have them: settings don't begin with `mqtt.`. */
export const MQTT_REFS = { password: "mqtt.password", certificate: "mqtt.cert", key: "mqtt.key" } as const;
export const MQTT_PASSWORD_REF = MQTT_REFS.password;

/**
 * Plans one device's configuration image. Entries come in a fixed order: Edgeflock's own, then the settings by
 * namespace and key, so that equal settings make equal images.
 * @throws VisibleError when settings collide with Edgeflock's own keys or with each other, or a name is too long
 */
export function planDeviceConfig<S>(input: DeviceConfigInput<S>): ConfigPlan {
  const entries = [...ownEntries(input), ...settingEntries(input.settings)];
  const seen = new Map<string, string>();
  for (const entry of entries) {
    const place = `${entry.namespace}/${entry.key}`;
    const other = seen.get(place);
    if (other !== undefined)
      refuse(input.device, `NVS key ${place} is written twice: by ${other} and by ${entry.from}`);
    seen.set(place, entry.from);
    for (const name of [entry.namespace, entry.key]) {
      if (name === "" || name.length > NVS_NAME_MAX) {
        refuse(
          input.device,
          `NVS key ${place} from ${entry.from}: names have 1 to ${NVS_NAME_MAX} characters`,
        );
      }
    }
  }
  return { entries };
}

function refuse(device: string, message: string): never {
  throw new VisibleError(`Device ${device}: ${message}`, { hint: "Give the setting a mapping of its own." });
}

function ownEntries<S>(input: DeviceConfigInput<S>): PlannedEntry[] {
  const { mqtt } = input.cluster;
  const device = `Device ${input.device}`;
  const cluster = `DevicesCluster ${input.cluster.name}`;
  const text = (namespace: string, key: string, value: string, from: string): PlannedEntry => {
    return { namespace, key, type: "string", from, secret: false, value };
  };
  const secret = (key: string, ref: string): PlannedEntry => {
    return { namespace: "mqtt", key, type: "string", from: device, secret: true, ref };
  };
  const auth = mqtt.auth ?? "password";
  return [
    text("edgeflock", "device", input.device, device),
    text("edgeflock", "class", input.className, device),
    {
      namespace: "edgeflock",
      key: "config",
      type: "string",
      from: device,
      secret: false,
      computed: "digest",
    },
    { namespace: "edgeflock", key: "gen", type: "u32", from: device, secret: false, value: input.generation },
    text("mqtt", "host", mqtt.broker.host, cluster),
    {
      namespace: "mqtt",
      key: "port",
      type: "u16",
      from: cluster,
      secret: false,
      value: brokerPort(mqtt.broker),
    },
    {
      namespace: "mqtt",
      key: "tls",
      type: "u8",
      from: cluster,
      secret: false,
      value: mqtt.broker.tls === false ? 0 : 1,
    },
    text("mqtt", "username", input.username, device),
    ...(auth === "certificate" ? [] : [secret("password", MQTT_REFS.password)]),
    ...(auth === "password" ? [] : [secret("cert", MQTT_REFS.certificate), secret("key", MQTT_REFS.key)]),
    text("mqtt", "topic", input.topic, cluster),
    ...(input.subscriptions.length === 0
      ? []
      : [text("mqtt", "subscribe", input.subscriptions.join("\n"), device)]),
    ...(mqtt.ca === undefined ? [] : [text("mqtt", "ca", mqtt.ca, cluster)]),
  ];
}

function settingEntries<S>(settings: readonly ResolvedSetting<S>[]): PlannedEntry[] {
  const entries: PlannedEntry[] = [];
  for (const setting of settings) {
    if (setting.target === undefined) continue;
    const entry = { ...setting.target, from: `"${setting.key}" of ${provenanceText(setting.from)}` };
    if (RESERVED_NVS_NAMESPACES.some((reserved) => setting.key.startsWith(`${reserved}.`))) {
      throw new VisibleError(
        `Settings that begin with "mqtt." or "edgeflock." are Edgeflock's own: ${entry.from}`,
      );
    }
    entries.push(
      setting.secret
        ? { ...entry, secret: true, ref: setting.key }
        : { ...entry, secret: false, value: setting.value },
    );
  }
  return entries.sort((a, b) => compareText(a.namespace, b.namespace) || compareText(a.key, b.key));
}

/** A key of the image with its value, as the NVS builder takes it. */
export interface FilledEntry {
  namespace: string;
  key: string;
  type: NvsType;
  value: number | bigint | string | Uint8Array;
}

/**
 * Puts the secret values into a plan.
 * @param secrets values by `ref`
 * @param digestKey keys the digest: it is announced and kept in plain, and a bare hash of a Wi-Fi password could be
 *   guessed
 * @returns the entries in the plan's order, and the digest of the settings (16 hex digits)
 * @throws VisibleError that names the key, never the value
 */
export function fillDeviceConfig(
  plan: ConfigPlan,
  secrets: Readonly<Record<string, string>>,
  digestKey: Uint8Array,
): { entries: FilledEntry[]; digest: string } {
  const filled = plan.entries.map((entry) => ("computed" in entry ? undefined : fill(entry, secrets)));
  const hash = createHmac("sha256", digestKey);
  for (const entry of filled) {
    if (entry)
      hash.update(`${JSON.stringify([entry.namespace, entry.key, entry.type, valueText(entry.value)])}\n`);
  }
  const digest = hash.digest("hex").slice(0, 16);
  const entries = plan.entries.map(({ namespace, key, type }, index) => {
    return filled[index] ?? { namespace, key, type, value: digest };
  });
  return { entries, digest };
}

function fill(
  entry: Exclude<PlannedEntry, { computed: "digest" }>,
  secrets: Readonly<Record<string, string>>,
): FilledEntry {
  const { namespace, key, type } = entry;
  if (entry.secret && !Object.hasOwn(secrets, entry.ref)) {
    throw new VisibleError(`The secret "${entry.ref}" (${entry.from}) has no value`);
  }
  try {
    return {
      namespace,
      key,
      type,
      value: parseNvsValue(type, entry.secret ? secrets[entry.ref]! : entry.value),
    };
  } catch (error) {
    if (!(error instanceof NvsValueError)) throw error;
    throw new VisibleError(`The value for NVS key ${namespace}/${key} (${entry.from}): ${error.message}`);
  }
}

function valueText(value: FilledEntry["value"]): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : String(value);
}
