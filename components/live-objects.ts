// The objects that are there already, for the check before one of ours is written: those with our label are listed once
// for each kind and namespace, any other is asked for by its name. Asks the API server.
import {
  type KubernetesApi,
  KubernetesError,
  type KubernetesObject,
  type ObjectAddress,
} from "../kubernetes/api.ts";
import { DEVICE_LABEL, MANAGED_BY, MANAGED_BY_LABEL } from "../model/names.ts";

type Found = ReadonlyMap<string, KubernetesObject>;

/** Devices' objects are many, and checked by who writes them. */
const SHARED = `${MANAGED_BY_LABEL}=${MANAGED_BY},!${DEVICE_LABEL}`;

const lists = new WeakMap<KubernetesApi, Map<string, Promise<Found>>>();

/** Of an object of the fleet its metadata; undefined where there is none of this name, whoever's it would be. */
export async function liveMetadata(
  api: KubernetesApi,
  address: ObjectAddress,
): Promise<KubernetesObject | undefined> {
  const { namespace, name } = address.metadata;
  // What stands in no namespace may be read by its name alone.
  const found = namespace === undefined ? undefined : (await listed(api, address, namespace)).get(name);
  return found ?? (await api.getOrUndefined<KubernetesObject>(address));
}

function listed(api: KubernetesApi, of: ObjectAddress, namespace: string): Promise<Found> {
  const known = lists.get(api) ?? new Map<string, Promise<Found>>();
  lists.set(api, known);
  const key = [of.apiVersion, of.kind, namespace].join(" ");
  const list = known.get(key) ?? ask(api, of, namespace);
  known.set(key, list);
  return list;
}

async function ask(
  api: KubernetesApi,
  { apiVersion, kind }: ObjectAddress,
  namespace: string,
): Promise<Found> {
  const found = await api
    .listMetadata({ apiVersion, kind, namespace }, { labelSelector: SHARED })
    .catch((error: unknown) => {
      // who may not list them may read each
      if (error instanceof KubernetesError && error.status === 403) return [];
      throw error;
    });
  return new Map(found.map((object) => [object.metadata.name, object]));
}
