// Exports a bundle: reserves devices for it, collects all that flashing them needs. Talks to the API server; what it
// reserved is free again when it fails.
import { randomBytes } from "node:crypto";
import { VisibleError } from "../../model/visible-error.ts";
import { BoardConflict, rfc3339 } from "../board-record.ts";
import type { ClusterSource } from "../station/cluster-source.ts";
import type { DeviceConfig } from "../station/flash-source.ts";
import type { Bundle } from "./bundle-file.ts";

export interface ExportOptions {
  /** By name; default all of the class that have no board. */
  devices?: readonly string[];
  /** At most so many. */
  count?: number;
  signal?: AbortSignal;
}

/**
 * @param keep writes the bundle away; when it throws, nothing is reserved
 * @throws BoardConflict for a named device that has a board; VisibleError when there is nothing to export
 */
export async function exportBundle(
  source: ClusterSource,
  options: ExportOptions,
  keep: (bundle: Bundle) => Promise<void>,
): Promise<Bundle> {
  const id = `${rfc3339().slice(0, 10)}-${randomBytes(4).toString("hex")}`;
  const holder = `bundle:${id}`;
  const devices: DeviceConfig[] = [];
  try {
    const firmware = await source.firmware();
    for await (const device of options.devices ?? source.devices()) {
      options.signal?.throwIfAborted();
      if (options.count !== undefined && devices.length >= options.count) break;
      const config = await source.config(device);
      // from here on it is to be released, if anything fails
      devices.push(config);
      if (!(await reserve(source, device, holder, options.devices !== undefined))) devices.pop();
    }
    if (devices.length === 0) {
      throw new VisibleError(`No device of class ${source.place.class} is without a board.`, {
        hint: "Declare more devices, or name some that lost theirs.",
      });
    }
    const { place, artifact, who } = source;
    const bundle = { id, place, artifact, firmware, devices, madeBy: who, madeAt: rfc3339() };
    await keep(bundle);
    return bundle;
  } catch (error) {
    await Promise.allSettled(devices.map(({ device }) => source.leases.release(device, holder)));
    throw error;
  }
}

async function reserve(
  source: ClusterSource,
  device: string,
  holder: string,
  named: boolean,
): Promise<boolean> {
  try {
    await source.leases.claim(device, holder);
    return true;
  } catch (error) {
    if (error instanceof BoardConflict && !named) return false;
    throw error;
  }
}
