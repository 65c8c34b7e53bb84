// A device's Kubernetes Secret, whole: credentials, mapped keys and the configuration image. Pure.
import { createHash } from "node:crypto";
import type { ConfigImage } from "../builders/config/check-image.ts";
import { encryptNvs, nvsKeysFromHmac, readKeyPartition, writeKeyPartition } from "../builders/nvs/encrypt.ts";
import type { Owned } from "../kubernetes/owned-object.ts";
import {
  CONFIG_DIGEST_ANNOTATION,
  CREDENTIALS_ANNOTATION,
  GENERATION_ANNOTATION,
  SETTINGS_DIGEST_ANNOTATION,
  TOPIC_ANNOTATION,
} from "../model/annotations.ts";
import { deviceSecretName, objectLabels } from "../model/names.ts";
import type { DevicePayload } from "./device-payload.ts";

export interface DeviceIdentity {
  device: string;
  class: string;
  cluster: string;
  namespace: string;
  /** Which generation of credentials it holds, as `deviceRecordText` says it. */
  credentials: string;
}

export interface DeviceSecret {
  object: Owned;
  /** `sha256:<hex>` of `config.bin`, encrypted where the class says so. */
  configDigest: string;
}

/**
 * Builds the Secret. Equal inputs give equal bytes.
 * @param built of the payload's entries; encrypted here where the class says so
 */
export function deviceSecret(
  identity: DeviceIdentity,
  payload: DevicePayload,
  { image, csv }: ConfigImage,
): DeviceSecret {
  const keys = encryptionKeys(payload);
  const config = keys ? encryptNvs(image, keys.nvs) : image;
  const configDigest = `sha256:${createHash("sha256").update(config).digest("hex")}`;
  const own = (key: string) =>
    payload.entries.find((e) => e.namespace === "edgeflock" && e.key === key)?.value;
  const [settingsDigest, generation] = [own("config"), own("gen")];
  const data: Record<string, string> = {
    ...mapValues(payload.data, (text) => base64(Buffer.from(text))),
    "config.bin": base64(config),
    "config.csv": base64(Buffer.from(csv)),
    ...(keys && { "nvs-keys.bin": base64(keys.file) }),
  };
  return {
    configDigest,
    object: {
      apiVersion: "v1",
      kind: "Secret",
      type: "Opaque",
      metadata: {
        name: deviceSecretName(identity.device),
        namespace: identity.namespace,
        labels: objectLabels(identity),
        annotations: {
          [CONFIG_DIGEST_ANNOTATION]: configDigest,
          [CREDENTIALS_ANNOTATION]: identity.credentials,
          ...(settingsDigest !== undefined && { [SETTINGS_DIGEST_ANNOTATION]: settingsDigest }),
          ...(generation !== undefined && { [GENERATION_ANNOTATION]: generation }),
          ...(payload.data.MQTT_TOPIC !== undefined && { [TOPIC_ANNOTATION]: payload.data.MQTT_TOPIC }),
        },
      },
      data,
    },
  };
}

function encryptionKeys(payload: DevicePayload) {
  if (!payload.encryption) return undefined;
  const key = Buffer.from(payload.encryption.key, "base64");
  // The eFuse takes the bare HMAC key; an nvs_keys partition takes both XTS keys with their CRC.
  if (payload.encryption.scheme === "hmac") return { nvs: nvsKeysFromHmac(key), file: key };
  const nvs = readKeyPartition(key);
  return { nvs, file: writeKeyPartition(nvs) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function mapValues(
  record: Record<string, string>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
