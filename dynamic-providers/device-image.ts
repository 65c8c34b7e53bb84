// A device's configuration image before it is encrypted: made in process by Edgeflock's own builder, or by the one that
// its class names. Starts builders.
import type { ConfigBuilder } from "../builders/config/builder.ts";
import type { ConfigImage } from "../builders/config/check-image.ts";
import type { ConfigBuildPlace } from "../builders/config/queue.ts";
import { configFile } from "../builders/config-file.ts";
import { entriesToCsv } from "../builders/nvs/csv.ts";
import { generateNvs, type NvsEntry } from "../builders/nvs/generate.ts";
import { parseNvsValue } from "../model/nvs-type.ts";
import type { DevicePayload, PayloadEntry } from "./device-payload.ts";

/** @throws VisibleError for a builder that fails, and what `ownImage` throws */
export async function deviceImage(
  device: string,
  payload: DevicePayload,
  builder: ConfigBuilder | undefined,
  where: ConfigBuildPlace,
): Promise<ConfigImage> {
  if (!builder) return ownImage(payload);
  // most fleets never need it
  const { queueConfigImage } = await import("../builders/config/queue.ts");
  const entries = payload.entries.map(({ secret = false, ...entry }) => ({ ...entry, secret }));
  return await queueConfigImage(builder, { device, entries }, where);
}

/**
 * Equal inputs give equal bytes. Touches nothing.
 * @throws NvsInputError, NvsValueError or VisibleError for values that no image can hold; no message contains a value
 */
export function ownImage(payload: Pick<DevicePayload, "entries" | "format" | "size">): ConfigImage {
  const entries = payload.entries.map(toNvsEntry);
  const image =
    payload.format === "file"
      ? configFile(entries, payload.size)
      : generateNvs(entries, { size: payload.size });
  return { image, csv: entriesToCsv(entries) };
}

function toNvsEntry(entry: PayloadEntry): NvsEntry {
  const { namespace, key, type, value } = entry;
  return { namespace, key, type, value: parseNvsValue(type, value) };
}
