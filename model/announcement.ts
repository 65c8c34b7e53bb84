// What a device says of itself once it is connected: retained JSON at `<its topic>/$edgeflock`. Pure; touches nothing.
// Whoever has a device's credential may write there, so nothing in it is believed before it is checked.
import { z } from "zod";
import { DNS_LABEL_MAX } from "./names.ts";

/** Longest announcement that is read, in bytes. */
const ANNOUNCEMENT_MAX = 2048;

const name = z
  .string()
  .max(DNS_LABEL_MAX)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);

const announcement = z.object({
  device: name,
  class: name,
  firmware: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[\x20-\x7e]+$/),
  config: z.string().regex(/^[0-9a-f]{16}$/),
  gen: z.int().min(1).max(1_000_000),
});

export interface Announcement {
  /** As the board's configuration has it: the name under which it was flashed. */
  device: string;
  class: string;
  /** Version of the firmware that runs. */
  firmware: string;
  /** Digest of the settings that it runs with, 16 hexadecimal digits (`edgeflock/config` in NVS). */
  config: string;
  /** Generation of the MQTT credential that it is connected with. */
  gen: number;
}

/**
 * Where a device announces itself.
 *
 * @param topic the device's own, as `deviceTopic` gives it
 */
export function announcementTopic(topic: string): string {
  return `${topic}/$edgeflock`;
}

/** The text of an announcement, as firmwares write it. */
export function announcementText({ device, class: className, firmware, config, gen }: Announcement): string {
  return JSON.stringify({ device, class: className, firmware, config, gen });
}

/**
 * Reads what came under `announcementTopic`. Fields that are not known are passed over: newer firmware may send more.
 *
 * @param names what the device of that topic may be called: its name and its former ones
 * @returns undefined where it is no announcement of this device
 */
export function readAnnouncement(
  payload: Uint8Array | string,
  names: readonly string[],
): Announcement | undefined {
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
  if (bytes.length === 0 || bytes.length > ANNOUNCEMENT_MAX) return undefined;
  const parsed = announcement.safeParse(jsonOrUndefined(bytes));
  return parsed.success && names.includes(parsed.data.device) ? parsed.data : undefined;
}

function jsonOrUndefined(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
