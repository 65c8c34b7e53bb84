// Checks what a device's Secret holds, as the flash script does (flash-script/device.sh). Pure.
import { createHash } from "node:crypto";
import { readConfigFile } from "../../builders/config-file.ts";
import { readNvsCsv } from "../../builders/nvs/csv.ts";
import { decodeNvs } from "../../builders/nvs/decode.ts";
import type { NvsEntry } from "../../builders/nvs/entry.ts";
import { CONFIG_DIGEST_ANNOTATION, generationIn } from "../../model/annotations.ts";
import { CLASS_LABEL, CLUSTER_LABEL, DEVICE_LABEL } from "../../model/names.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { ClassPlace } from "../board-lease.ts";
import type { DeviceConfig } from "./flash-source.ts";

const KEY_PARTITION_SIZE = 4096;

export interface DeviceSecretObject {
  metadata: { labels?: Record<string, string>; annotations?: Record<string, string> };
  /** base64 */
  data?: Record<string, string>;
}

/** @throws VisibleError with exit codes as the flash script has them: 6 the wrong device, 7 damaged */
export function checkDeviceSecret(
  device: string,
  secret: DeviceSecretObject,
  place: ClassPlace,
  partition: { label: string; size: number },
): DeviceConfig {
  const labels = secret.metadata.labels ?? {};
  const className = labels[CLASS_LABEL];
  if (labels[CLUSTER_LABEL] !== place.cluster)
    wrong(`Secret ${device}-device does not belong to cluster ${place.cluster}.`);
  if (className !== place.class)
    wrong(`${device} is a device of class "${className}", not of ${place.class}.`);
  if (labels[DEVICE_LABEL] !== device)
    damaged(device, `its Secret is labelled for device "${labels[DEVICE_LABEL]}"`);
  const image = bytesOf(secret, "config.bin");
  if (!image)
    throw new VisibleError(`Secret ${device}-device holds no configuration yet.`, {
      hint: 'Run "pulumi up" for it.',
      exitCode: 7,
    });
  const digest = `sha256:${createHash("sha256").update(image).digest("hex")}`;
  if (digest !== secret.metadata.annotations?.[CONFIG_DIGEST_ANNOTATION])
    damaged(device, "it is not the one that was made");
  if (image.length !== partition.size)
    damaged(device, `it has ${image.length} bytes, partition "${partition.label}" has ${partition.size}`);
  const generation = generationIn(secret.metadata.annotations);
  const config = { device, image, digest, ...(generation !== undefined && { generation }) };
  const keys = bytesOf(secret, "nvs-keys.bin");
  if (keys) return { ...config, keys: checkKeys(device, keys) };
  checkIdentity(device, place.class, image);
  return config;
}

function checkKeys(device: string, keys: Uint8Array): Uint8Array {
  if (keys.length === KEY_PARTITION_SIZE) return keys;
  throw new VisibleError(
    `The configuration of ${device} is encrypted with a key that belongs into the chip's eFuses.`,
    {
      hint: "The station burns no eFuses; use a configuration whose key lies in a partition.",
      exitCode: 7,
    },
  );
}

function checkIdentity(device: string, className: string, image: Uint8Array): void {
  const csv = readConfigFile(image);
  const entries = csv === undefined ? decodeNvs(image).entries : csvEntries(csv);
  const find = (key: string) =>
    entries.find((entry) => entry.namespace === "edgeflock" && entry.key === key)?.value;
  if (find("device") !== device)
    wrong(`The configuration in Secret ${device}-device is the one of device "${String(find("device"))}".`);
  if (find("class") !== className)
    wrong(`The configuration of ${device} was made for class "${String(find("class"))}", not ${className}.`);
}

function csvEntries(csv: string): NvsEntry[] {
  const rows = readNvsCsv([{ file: "config.csv", content: csv }], () => new Uint8Array());
  return rows.flatMap(({ row }) => (row.key === undefined ? [] : [row]));
}

function bytesOf(secret: DeviceSecretObject, key: string): Uint8Array | undefined {
  const text = secret.data?.[key];
  return text ? new Uint8Array(Buffer.from(text, "base64")) : undefined;
}

function wrong(message: string): never {
  throw new VisibleError(message, { hint: "Tell whoever runs the cluster.", exitCode: 6 });
}

function damaged(device: string, how: string): never {
  throw new VisibleError(`The configuration of ${device} is damaged: ${how}.`, {
    hint: 'Run "pulumi up" again.',
    exitCode: 7,
  });
}
