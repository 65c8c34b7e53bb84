// What `edgeflock status` does: reads the cluster, what the stack declares, and the broker, and shows them side by side. Writes nothing.
import { readFile } from "node:fs/promises";
import { type DeviceStatus, deviceStatuses, type PendingDevice } from "../../flash/status/device-status.ts";
import { type BrokerAccess, readAnnouncements } from "../../flash/status/read-announcements.ts";
import { type DeclaredFleet, readDeclared } from "../../flash/status/read-declared.ts";
import { type KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";
import type { Announcement } from "../../model/announcement.ts";
import { deviceSecretName } from "../../model/names.ts";
import { USER_SECRET_KEYS } from "../../model/schema-mqtt.ts";
import { suggest } from "../../model/suggest.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import type { StatusCommandOptions } from "../commands/status.ts";
import { interruptible } from "../interruptible.ts";
import { connectTo, fleetOf, listStacks, type MeantStack, meantStack } from "../stack-fleet.ts";
import { type PendingFleets, pendingFleets, withOldest } from "./pending-devices.ts";
import { statusText } from "./status-text.ts";

export interface FleetStatus {
  namespace: string;
  /** Whether it is known what the stack declares, and so what the next `pulumi up` does. */
  manifests: boolean;
  devices: DeviceStatus[];
}

export async function runStatus(devices: string[], options: StatusCommandOptions): Promise<void> {
  const fleets = await interruptible((signal) => fleetStatuses(options, signal));
  refuseUnknown(devices, fleets);
  const shown = fleets.map((fleet) => ({
    ...fleet,
    devices: fleet.devices.filter(
      (status) =>
        (devices.length === 0 || devices.includes(status.device)) && (!options.stale || isStale(status)),
    ),
  }));
  if (options.json) {
    console.log(JSON.stringify(shown, undefined, 2));
    return;
  }
  const { default: style } = await import("picocolors");
  for (const fleet of shown) {
    console.log(statusText(fleet, { stale: options.stale ?? false, style }));
  }
}

/** Boards that someone has to go to. */
function isStale({ state, lockedOut }: DeviceStatus): boolean {
  return state === "stale" || state === "unfinished" || lockedOut !== null;
}

async function fleetStatuses(options: StatusCommandOptions, signal: AbortSignal): Promise<FleetStatus[]> {
  const { namespace } = options;
  const isAsked = options.stack !== undefined || options.manifests !== undefined;
  const stack = isAsked || (await listStacks()).length > 0 ? await meantStack(options) : undefined;
  const api = await connectTo(stack, options);
  const pending = stack && (await pendingOf(stack, api, isAsked));
  const namespaces = namespace !== undefined ? [namespace] : pending ? [...pending.keys()] : [api.namespace];
  const fleets: FleetStatus[] = [];
  for (const each of namespaces) {
    signal.throwIfAborted();
    const declared = pending?.get(each);
    const next = declared && (await withOldest(api, each, declared));
    fleets.push(await fleetStatus(api, each, next, options, signal));
  }
  return fleets;
}

/** Who flashes may not read the objects that declare a fleet, and wants no more than to see its boards. */
async function pendingOf(
  stack: MeantStack,
  api: KubernetesApi,
  isAsked: boolean,
): Promise<PendingFleets | undefined> {
  try {
    return pendingFleets(await fleetOf(stack, () => Promise.resolve(api)));
  } catch (error) {
    if (isAsked || !(error instanceof KubernetesError) || error.status !== 403) throw error;
    console.error(`What the stack declares is not known: ${error.message}`);
    return undefined;
  }
}

async function fleetStatus(
  api: KubernetesApi,
  namespace: string,
  pending: Map<string, PendingDevice> | undefined,
  options: StatusCommandOptions,
  signal: AbortSignal,
): Promise<FleetStatus> {
  const fleet = await readDeclared(api, namespace, [...(pending?.keys() ?? [])]);
  if (fleet.declared.size === 0 && fleet.boards.length === 0 && pending === undefined) {
    throw new VisibleError(`There are no devices in namespace "${namespace}" of ${api.server}.`, {
      hint: "Check --namespace and --context.",
      exitCode: 6,
    });
  }
  const announced =
    options.reader === undefined
      ? undefined
      : await askBroker(api, namespace, fleet, pending, { ...options, reader: options.reader }, signal);
  const devices = deviceStatuses({ ...fleet, announced, pending });
  return { namespace, manifests: pending !== undefined, devices };
}

async function askBroker(
  api: KubernetesApi,
  namespace: string,
  { declared }: DeclaredFleet,
  pending: Map<string, PendingDevice> | undefined,
  options: StatusCommandOptions & { reader: string },
  signal: AbortSignal,
): Promise<Map<string, Announcement>> {
  const devices = [...declared.values()].flatMap(({ device, topic }) => {
    if (topic === undefined) return [];
    const oldest = topic.split("/").at(-1) as string;
    return [{ device, topic, names: [device, oldest, ...(pending?.get(device)?.formerly ?? [])] }];
  });
  const anyDevice = devices[0]?.device;
  const access = await brokerAccess(api, namespace, options, anyDevice);
  return stderrProgress().step(`Asking the broker at ${new URL(access.url).host}`, () =>
    readAnnouncements(access, devices, { signal }),
  );
}

/** @param device whose Secret holds the certificate that the fleet's devices verify the broker with */
async function brokerAccess(
  api: KubernetesApi,
  namespace: string,
  { reader, ca }: { reader: string; ca?: string },
  device: string | undefined,
): Promise<BrokerAccess> {
  const secret = await secretTexts(api, namespace, reader);
  const [url, username, password] = (["url", "username", "password"] as const).map(
    (what) => secret?.[USER_SECRET_KEYS[what]],
  );
  if (!url || !username || !password) {
    const keys = Object.values(USER_SECRET_KEYS).slice(0, 3).join(", ");
    throw new VisibleError(
      secret === undefined
        ? `There is no Secret "${reader}" in namespace "${namespace}".`
        : `The Secret "${reader}" does not hold ${keys}.`,
      { hint: "Name the Secret of one of spec.mqtt.readers of the DevicesCluster.", exitCode: 6 },
    );
  }
  if (!URL.canParse(url)) throw new VisibleError(`The Secret "${reader}" holds no address of a broker.`);
  const certificate =
    ca !== undefined
      ? await certificateFile(ca)
      : device === undefined
        ? undefined
        : (await secretTexts(api, namespace, deviceSecretName(device)))?.MQTT_CA;
  return { url, username, password, ca: certificate };
}

async function secretTexts(
  api: KubernetesApi,
  namespace: string,
  name: string,
): Promise<Record<string, string> | undefined> {
  const secret = await api.getOrUndefined<{ data?: Record<string, string> }>({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
  });
  if (!secret) return undefined;
  const entries = Object.entries(secret.data ?? {});
  return Object.fromEntries(
    entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );
}

async function certificateFile(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: Error) => {
    throw new VisibleError(`The certificate cannot be read: ${error.message}`, { exitCode: 2 });
  });
}

function refuseUnknown(devices: readonly string[], fleets: readonly FleetStatus[]): void {
  const known = fleets.flatMap((fleet) => fleet.devices.map(({ device }) => device));
  const unknown = devices.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = suggest(unknown, known);
  throw new VisibleError(`There is no device "${unknown}".`, {
    hint: near === undefined ? "Check its name, --namespace and --context." : `Did you mean "${near}"?`,
    exitCode: 6,
  });
}
