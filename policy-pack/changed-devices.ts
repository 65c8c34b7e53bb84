// Which devices an update would change, by what the state says of them and what pulumi is about to keep. Pure.

/** What a state keeps of a device: the digest of its inputs as they were applied, by its URN. */
export type DeployedDevices = ReadonlyMap<string, string>;

export interface PlannedResource {
  urn: string;
  type: string;
  props: Record<string, unknown>;
  opts?: { aliases?: string[] };
}

const DEVICE = "pulumi-nodejs:dynamic/edgeflock:Device";

/** @param state a checkpoint, as in a folder's state or by `pulumi stack export` */
export function devicesInState(state: unknown): DeployedDevices {
  const { checkpoint, deployment } = (state ?? {}) as {
    checkpoint?: { latest?: Deployment };
    deployment?: Deployment;
  };
  const resources = (checkpoint?.latest ?? deployment)?.resources ?? [];
  return new Map(
    resources
      .filter(({ type, delete: leaving }) => type === DEVICE && !leaving)
      .map(({ urn, outputs }) => [urn, String(outputs?.applied ?? "")]),
  );
}

interface Deployment {
  resources?: { urn: string; type: string; delete?: boolean; outputs?: { applied?: unknown } }[];
}

/**
 * Names of the devices that are new, changed or gone, in order. A device that stays as it is keeps its digest; one that
 * is to be written has none before it was. A renamed one counts once.
 */
export function changedDevices(before: DeployedDevices, resources: readonly PlannedResource[]): string[] {
  const devices = resources.filter(({ type }) => type === DEVICE);
  const still = new Set(devices.flatMap(({ urn, opts }) => [urn, ...(opts?.aliases ?? [])]));
  const stays = ({ urn, props }: PlannedResource) => before.has(urn) && before.get(urn) === props.applied;
  const changed = devices.filter((device) => !stays(device));
  const gone = [...before.keys()].filter((urn) => !still.has(urn));
  return [...changed.map(({ urn }) => urn), ...gone].map(nameOf).sort();
}

/** What stands after the last `::`. */
function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}
