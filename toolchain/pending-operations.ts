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

const DEVICE = "pulumi-nodejs:dynamic/edgeflock:Device";

/** Whether the text of a state file or export holds a pending operation: without parsing what may be large. */
export function hasPendingOperations(text: string): boolean {
  return /"pending_operations":\s*\[\s*\{/.test(text);
}

/**
 * Settles the pending operations. A Device whose create was interrupted becomes a resource of the state: its Secret
 * may be there, and is then updated or, if the device is no longer declared, deleted. Kubernetes' own objects need
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
    const device = type === "creating" ? unfinishedDevice(resource) : undefined;
    if (!device || (device.parent !== undefined && !known.has(device.parent))) continue;
    added.push(device);
    known.add(device.urn);
  }
  return {
    deployment: { ...deployment, resources: [...resources, ...added], pending_operations: [] },
    toRefresh: [...new Set(toRefresh)],
    interrupted,
  };
}

/** With outputs that are enough to update or delete it, as a create whose outcome is unknown reports them. */
function unfinishedDevice(resource: Resource): Resource | undefined {
  const { device, namespace, owner, clusterUid, kubernetes, __provider } = resource.inputs ?? {};
  if (resource.type !== DEVICE || typeof device !== "string" || typeof namespace !== "string") {
    return undefined;
  }
  const secretName = deviceSecretName(device);
  return {
    ...resource,
    id: `${namespace}/${secretName}`,
    outputs: {
      ...{ device, namespace, owner, clusterUid, __provider, secretName },
      ...(kubernetes !== undefined && { kubernetes }),
      ...{ applied: "", written: "", keys: { data: [], labels: [], annotations: [] }, configDigest: "" },
    },
  };
}
