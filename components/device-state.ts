// From a device's plan and its secret values to the inputs of its provider: one readable property a setting,
// and everything that the provider needs in one secret text. Pure.
import { createHash } from "node:crypto";
import { type DevicePayload, encodePayload } from "../dynamic-providers/device-payload.ts";
import { handedOutText } from "../dynamic-providers/handed-out.ts";
import { type Adopted, adoptedNvsKey, type Credential } from "../model/adopted.ts";
import { deriveBytes, fingerprint } from "../model/derivation.ts";
import {
  type ConfigPlan,
  type FilledEntry,
  fillDeviceConfig,
  MQTT_PASSWORD_REF,
  MQTT_REFS,
} from "../model/device-config.ts";
import type { Place } from "../model/former-names.ts";
import { authoritySeed, type CertificatePlan, certificatePlan } from "../model/mqtt-certificates.ts";
import { deviceCredential, deviceUsername } from "../model/mqtt-credentials.ts";
import { provenanceText, type ResolvedSetting } from "../model/resolve.ts";
import type { MqttAuth } from "../model/schema-mqtt.ts";

/** Longer values are shown by their beginning and digest; the state keeps them once, in the secret text. */
const LONGEST_SHOWN = 120;

export interface DeviceStateInput {
  device: string;
  /** Its oldest name, which credentials and fingerprints derive from. */
  original: Place;
  namespace: string;
  /** Of its credentials, from 1. */
  generation: number;
  /** The day that it was handed out. */
  issued: string;
  topic: string;
  host: string;
  port: number;
  tls: boolean;
  auth: MqttAuth;
  /** The oldest name of the DevicesCluster, whose authority signs certificates. */
  authority: string;
  /** Days that a certificate is valid. */
  validDays: number;
  ca: string | undefined;
  partition: { label: string; size: number };
  format: "nvs" | "file";
  encryption: "hmac" | "flash" | undefined;
  /** Whether the class names a builder of its own, which is to know what is secret. */
  ownBuilder: boolean;
  plan: ConfigPlan;
  settings: readonly ResolvedSetting<unknown>[];
}

/** Before it is known which generation of credentials it has. */
export type PlannedDevice = Omit<DeviceStateInput, "generation" | "issued">;

export interface DeviceState {
  /** For each secret setting what previews show of it: a keyed fingerprint, target and origin. */
  fingerprints: Record<string, string>;
  /** The `image` input of the provider. Secret. */
  payload: string;
}

/**
 * @param secrets values of the secret settings by key
 * @param rootKey base64
 * @param adopted values that were there before the root key
 * @throws VisibleError for a value that does not fit its type; the message names the key, never the value
 */
export function deviceState(
  input: DeviceStateInput,
  secrets: Record<string, string>,
  rootKey: string,
  adopted: Adopted = {},
): DeviceState {
  const path = [input.original.namespace, input.original.name];
  const credential = deviceCredential(input, rootKey, adopted);
  const certificate = certificateOf(input, credential.username, rootKey);
  const digestKey = deriveBytes(rootKey, "fingerprint", path, 32);
  const plan = withCredential(input.plan, credential.username, input.generation);
  const { entries } = fillDeviceConfig(
    plan,
    { ...secrets, [MQTT_REFS.password]: credential.password, ...certificateRefs(certificate) },
    digestKey,
  );
  const payload: DevicePayload = {
    size: input.partition.size,
    ...(input.format === "file" && { format: "file" as const }),
    entries: entries.map((entry, index) => ({
      ...entry,
      value: valueText(entry.value),
      ...(input.ownBuilder && plan.entries[index]!.secret && { secret: true as const }),
    })),
    data: { ...credentials(input, credential), ...mappedKeys(input.settings, secrets) },
    ...(certificate && {
      certificate: { ...certificate, authority: authoritySeed(input.authority, rootKey) },
    }),
    ...(input.encryption && {
      encryption: { scheme: input.encryption, key: nvsKey(input, input.encryption, rootKey, adopted) },
    }),
  };
  const fingerprints = secretSettings(input).map((setting) => {
    const value = fingerprint(rootKey, [...path, setting.key], secrets[setting.key] ?? "");
    return [propertyName(setting.key), describe(`secret ${value}`, setting)] as const;
  });
  const held = input.auth === "certificate" ? (certificate?.seed ?? "") : credential.password;
  const kind = input.auth === "certificate" ? "key" : "secret";
  const handedOut = fingerprint(rootKey, [...path, MQTT_PASSWORD_REF], held);
  return {
    fingerprints: {
      ...Object.fromEntries(fingerprints),
      [MQTT_PASSWORD_REF]: handedOutText(input.generation, handedOut, kind),
    },
    payload: encodePayload(payload),
  };
}

function certificateOf(
  input: DeviceStateInput,
  username: string,
  rootKey: string,
): CertificatePlan | undefined {
  if (input.auth === "password") return undefined;
  return certificatePlan({ ...input, username }, rootKey, input);
}

/** Whoever writes the image makes certificate and key of these; the image's digest is that of these. */
function certificateRefs(certificate: CertificatePlan | undefined): Record<string, string> {
  if (!certificate) return {};
  const { seed, ...rest } = certificate;
  return { [MQTT_REFS.certificate]: JSON.stringify(rest), [MQTT_REFS.key]: seed };
}

/** The plan was made before it was known which generation it is. */
function withCredential(plan: ConfigPlan, username: string, generation: number): ConfigPlan {
  const known: Record<string, string | number> = { "mqtt/username": username, "edgeflock/gen": generation };
  const entries = plan.entries.map((entry) => {
    const value = known[`${entry.namespace}/${entry.key}`];
    return value !== undefined && "value" in entry ? { ...entry, value } : entry;
  });
  return { entries };
}

/** The properties that previews show in plain: identity, partition and the plain settings with their origin. */
export function shownInPlain(input: PlannedDevice): Record<string, string> {
  const { partition } = input;
  const settings = input.settings.flatMap((setting) =>
    setting.secret || !reachesDevice(setting)
      ? []
      : [[propertyName(setting.key), describe(shortened(String(setting.value)), setting)] as const],
  );
  return {
    ...(input.ca !== undefined && { "mqtt.ca": shortened(input.ca) }),
    partition: `${partition.label}, 0x${partition.size.toString(16)}${input.format === "file" ? ", as a file" : ""}${input.encryption ? `, encrypted (${input.encryption})` : ""}`,
    ...Object.fromEntries(settings),
  };
}

/** Where and as whom it speaks MQTT. */
export function mqttText(input: Omit<DeviceStateInput, "issued">, adopted: Adopted): string {
  const username = deviceUsername(input, adopted);
  const proof = { password: "", certificate: " by certificate", both: " by certificate and password" }[
    input.auth
  ];
  return `${input.tls ? "mqtts" : "mqtt"}://${input.host}:${input.port} as ${username}${proof}, topic ${input.topic}`;
}

/** Names of the properties in `fingerprints`: known before the values are, so that even a first preview shows them. */
export function fingerprintNames(input: Pick<DeviceStateInput, "settings">): string[] {
  return [...secretSettings(input).map((setting) => propertyName(setting.key)), MQTT_PASSWORD_REF];
}

/** Whether a setting goes to the image or the Secret of the device at all. */
export function reachesDevice(setting: ResolvedSetting<unknown>): boolean {
  return setting.target !== undefined || setting.secretKey !== undefined;
}

function secretSettings(input: Pick<DeviceStateInput, "settings">) {
  return input.settings.filter((setting) => setting.secret && reachesDevice(setting));
}

function describe(value: string, setting: ResolvedSetting<unknown>): string {
  const { target, secretKey } = setting;
  const places = [
    ...(target ? [`${target.namespace}/${target.key} (${target.type})`] : []),
    ...(secretKey ? [secretKey] : []),
  ];
  return `${value} from ${provenanceText(setting.from)} → ${places.join(", ")}`;
}

function credentials(input: DeviceStateInput, credential: Credential): Record<string, string> {
  return {
    MQTT_USERNAME: credential.username,
    ...(input.auth !== "certificate" && { MQTT_PASSWORD: credential.password }),
    MQTT_HOST: input.host,
    MQTT_PORT: String(input.port),
    MQTT_TOPIC: input.topic,
    ...(input.ca !== undefined && { MQTT_CA: input.ca }),
  };
}

function mappedKeys(
  settings: readonly ResolvedSetting<unknown>[],
  secrets: Record<string, string>,
): Record<string, string> {
  const mapped = settings.flatMap((setting) => {
    if (setting.secretKey === undefined) return [];
    return [
      [setting.secretKey, setting.secret ? (secrets[setting.key] ?? "") : String(setting.value)] as const,
    ];
  });
  return Object.fromEntries(mapped);
}

/** The XTS keys (64 bytes) or the HMAC key (32 bytes) of this device alone, in base64. */
function nvsKey(
  { original, namespace }: DeviceStateInput,
  scheme: "hmac" | "flash",
  rootKey: string,
  adopted: Adopted,
): string {
  const known = original.namespace === namespace ? adopted[adoptedNvsKey(original.name, scheme)] : undefined;
  if (known !== undefined) return known;
  const length = scheme === "hmac" ? 32 : 64;
  const path = [original.namespace, original.name, scheme];
  return deriveBytes(rootKey, "nvs-keys", path, length).toString("base64");
}

/** Settings without a dot get a prefix, so that none can be taken for a property of the resource itself. */
function propertyName(key: string): string {
  return key.includes(".") ? key : `setting.${key}`;
}

function shortened(text: string): string {
  if (text.length <= LONGEST_SHOWN) return text;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return `${text.slice(0, 40)}… (${text.length} characters, sha256 ${digest})`;
}

function valueText(value: FilledEntry["value"]): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : String(value);
}
