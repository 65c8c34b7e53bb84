// In which order the bootloader tries the application partitions. Pure.
// Source: ESP-IDF, components/bootloader_support/src/bootloader_utility.c
// (bootloader_utility_get_selected_boot_partition, bootloader_utility_load_boot_image).
import type { OtadataEntry } from "../../builders/partitions/otadata.ts";

export type Slot = number | "factory";

/**
 * What otadata names (its highest sequence that was not given up on; without one, the factory application or
 * else slot 0), downwards from there to the factory one, then upwards.
 */
export function bootOrder(
  entries: readonly (OtadataEntry | undefined)[],
  available: { slots: number; factory: boolean },
): Slot[] {
  const { slots, factory } = available;
  const all = Array.from({ length: slots }, (_, index) => index);
  const newest = entries.filter(isUsable).sort((a, b) => b.sequence - a.sequence)[0];
  if (newest === undefined || slots === 0) return factory ? ["factory", ...all] : all;
  const chosen = (newest.sequence - 1) % slots;
  const below = all.slice(0, chosen + 1).reverse();
  return [...below, ...(factory ? (["factory"] as const) : []), ...all.slice(chosen + 1)];
}

function isUsable(entry: OtadataEntry | undefined): entry is OtadataEntry {
  return entry !== undefined && entry.state !== "invalid" && entry.state !== "aborted";
}
