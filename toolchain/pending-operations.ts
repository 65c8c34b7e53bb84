// What a killed update left in the state as "pending", and the state that the next update can go on from. Pure.
import { deviceSecretName } from "../model/names.ts";

interface Resource {
  urn: string;
  type: string;
  custom?: boolean;
  id?: string;
  delete?: boolean;
  parent?: string;
  provider?: string;
  aliases?: string[];
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

/** As `pulumi stack export` writes it; secrets stay encrypted. */
export interface Deployment {
  resources?: Resource[];
  pending_operations?: { resource: Resource; type: string }[];
}

export interface Settled {
  deployment: Deployment;
  /** Of what is known is only that it was being changed or deleted: to be read anew. */
  toRefresh: string[];
  /** For people: what was interrupted. */
  interrupted: string[];
}

type Props = Record<string, unknown>;

/** What an interrupted create may have made: enough to update or delete it, as one whose outcome is unknown reports it. */
const UNFINISHED: Record<string, (inputs: Props) => { id: string; outputs: Props } | undefined> = {
  Device: unfinishedDevice,
  Broker: unfinishedBroker,
  Telemetry: unfinishedTelemetry,
  StoreUsers: unfinishedStoreUsers,
};
const OURS = "pulumi-nodejs:dynamic/edgeflock:";

/** Whether the text of a state file or export holds a pending operation: without parsing what may be large. */
export function hasPendingOperations(text: string): boolean {
  return /"pending_operations":\s*\[\s*\{/.test(text);
}

/**
 * Settles the pending operations. A Device whose create was interrupted becomes a resource of the state: its Secret
 * may be there, and is then updated or, if the device is no longer declared, deleted. So do the users of a broker, of
 * InfluxDB and of an object store, who would go on with credentials that are valid. Kubernetes' own objects need
 * nothing: their create goes on over what it finds.
 */
export function settlePending(deployment: Deployment): Settled {
  const resources = deployment.resources ?? [];
  const known = new Set(resources.filter((each) => !each.delete).map(({ urn }) => urn));
  const toRefresh: string[] = [];
  const added: Resource[] = [];
  const interrupted: string[] = [];
  for (const { resource, type } of deployment.pending_operations ?? []) {
    interrupted.push(`${type} ${resource.urn.split("::").slice(2).join(" ")}`);
    if (known.has(resource.urn)) {
      if (resource.custom && resource.id && type !== "creating") toRefresh.push(resource.urn);
      continue;
    }
    // A rename: the engine goes by the entry under the old name, and takes two for a damaged state.
    if (resource.aliases?.some((alias) => known.has(alias))) continue;
    const made = type === "creating" ? unfinished(resource) : undefined;
    if (!made || (made.parent !== undefined && !known.has(made.parent))) continue;
    added.push(made);
    known.add(made.urn);
  }
  return {
    deployment: { ...deployment, resources: [...resources, ...added], pending_operations: [] },
    toRefresh: [...new Set(toRefresh)],
    interrupted,
  };
}

function unfinished(resource: Resource): Resource | undefined {
  if (!resource.type.startsWith(OURS)) return undefined;
  const kind = resource.type.slice(OURS.length);
  const made = Object.hasOwn(UNFINISHED, kind) ? UNFINISHED[kind]!(resource.inputs ?? {}) : undefined;
  return made && { ...resource, ...made };
}

/** The inputs of these names that are there. */
function some(inputs: Props, ...names: string[]): Props {
  return Object.fromEntries(
    names.filter((name) => inputs[name] !== undefined).map((name) => [name, inputs[name]]),
  );
}

function unfinishedDevice(inputs: Props) {
  const { device, namespace } = inputs;
  if (typeof device !== "string" || typeof namespace !== "string") return undefined;
  const secretName = deviceSecretName(device);
  return {
    id: `${namespace}/${secretName}`,
    outputs: {
      ...some(inputs, "device", "namespace", "owner", "clusterUid", "kubernetes", "__provider"),
      ...{ secretName, applied: "", written: "" },
      ...{ keys: { data: [], labels: [], annotations: [] }, configDigest: "" },
    },
  };
}

function unfinishedBroker(inputs: Props) {
  const { namespace, cluster, readers, applications, operator } = inputs;
  if (typeof namespace !== "string" || typeof cluster !== "string") return undefined;
  const place = { cluster, namespace, ...(operator as object) };
  return {
    id: `${namespace}/${cluster}-broker`,
    outputs: {
      ...some(inputs, "namespace", "owner", "clusterUid", "kubernetes", "live", "admin", "__provider"),
      ...{ applied: "", shards: [], injected: [], secretNames: [], unfinished: { readers, applications } },
      ...(inputs.live !== undefined && { users: {} }),
      ...(operator !== undefined && { topology: { place, objects: {} } }),
    },
  };
}

function unfinishedTelemetry(inputs: Props) {
  const { url: _, ...rest } = inputs;
  const { namespace, cluster } = rest;
  if (typeof namespace !== "string" || typeof cluster !== "string") return undefined;
  return { id: `${namespace}/${cluster}-telemetry`, outputs: { ...rest, applied: "", injected: [] } };
}

/** It has no keys yet; the next update makes new ones. */
function unfinishedStoreUsers(inputs: Props) {
  const { namespace } = inputs;
  if (typeof namespace !== "string") return undefined;
  const none = { accessKeyId: "", secretAccessKey: "" };
  const keys = JSON.stringify({ store: none, flashing: none });
  return { id: `${namespace}/store-users`, outputs: { ...inputs, applied: "", keys } };
}
