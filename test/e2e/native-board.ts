// The native firmware flashed as esptool leaves it, with the configuration that the fleet's own model makes of one device.
import { writeFile } from "node:fs/promises";
import { unpackArchive } from "../../builders/artifact-archive.ts";
import type { BuiltFirmware } from "../../builders/contract.ts";
import { generateNvs } from "../../builders/nvs/generate.ts";
import { fillDeviceConfig, planDeviceConfig } from "../../model/device-config.ts";
import { deviceSubscriptions } from "../../model/mqtt-access.ts";
import { resolveSettings } from "../../model/resolve.ts";
import type { Login } from "./broker-fleet.ts";

/** Of the class `node`, below the topic root `site`. */
export const DEVICE = {
  original: "fern-01",
  className: "node",
  groups: ["north"],
  commands: true,
  broadcasts: true,
};
export const TOPIC = "site/fern-01";
export const GENERATION = 3;
export const SENSORS = [
  { name: "soil", driver: "simulated", unit: "%" },
  { name: "board", driver: "system" },
  { name: "off", driver: "simulated" },
];

export interface BoardBroker {
  host: string;
  port: number;
  tls: boolean;
  /** PEM; empty for none. */
  ca: string;
}

/** Writes the whole flash of a board into a file. */
export async function writeFlash(
  path: string,
  { artifact, archive }: BuiltFirmware,
  { ca, ...broker }: BoardBroker,
  { username, password }: Login,
): Promise<void> {
  const { settings } = resolveSettings<string>({
    cluster: { kind: "DevicesCluster", name: "site", settings: { "telemetry.interval": 1 }, secrets: {} },
    class: { kind: "DeviceClass", name: "node", settings: { "soil.value": 50 }, secrets: {} },
    groups: [],
    device: {
      kind: "Device",
      name: DEVICE.original,
      settings: { "off.enabled": false },
      secrets: {},
      mapping: [],
    },
  });
  const plan = planDeviceConfig({
    device: DEVICE.original,
    className: DEVICE.className,
    cluster: { name: "site", mqtt: { broker, ...(ca !== "" && { ca }) } },
    topic: TOPIC,
    subscriptions: deviceSubscriptions("site", DEVICE),
    username,
    generation: GENERATION,
    settings,
  });
  const { entries } = fillDeviceConfig(plan, { "mqtt.password": password }, new Uint8Array(32));
  const contents = unpackArchive(archive);
  const bytes = Buffer.alloc(4 * 1024 * 1024, 0xff);
  for (const { offset, path: file } of artifact.files) bytes.set(contents.get(file)!, offset);
  bytes.set(generateNvs(entries, { size: 0x6000 }), artifact.config.offset);
  await writeFile(path, bytes, { mode: 0o600 });
}
