// Objects that bear their owner's token: a create takes nobody else's, a delete deletes only its own.
// So neither a rename nor a second stack on the same cluster can kill a successor. Asks the API server.
import { VisibleError } from "../model/visible-error.ts";
import { type KubernetesApi, KubernetesError, type KubernetesObject, type ObjectAddress } from "./api.ts";
import { applyWhatWasCreated } from "./field-ownership.ts";

/** Annotation that holds `<project>/<stack>/<resource>`. */
export const OWNER_ANNOTATION = "edgeflock.io/owner";

export interface Owned extends ObjectAddress {
  metadata: KubernetesObject["metadata"];
  [field: string]: unknown;
}

/**
 * Writes the object whole under the field manager, leaving fields of others alone.
 *
 * @param former tokens of former owners, whose object may be taken over
 * @param seen is given the object as it was before
 * @throws VisibleError where an object of that name belongs to someone else, or to nobody
 */
export async function applyOwned(
  api: KubernetesApi,
  object: Owned,
  owner: string,
  fieldManager: string,
  former: readonly string[] = [],
  seen: (live: KubernetesObject) => void = () => {},
): Promise<KubernetesObject> {
  const live = await api.getOrUndefined<KubernetesObject>(object);
  if (live) {
    refuseForeign(live, [owner, ...former]);
    seen(live);
    await applyWhatWasCreated(api, live, fieldManager);
  }
  const owned = withOwner(object, owner);
  // With the UID the server refuses to write over an object that was made anew since it was read.
  const metadata = { ...owned.metadata, ...(live && { uid: live.metadata.uid }) };
  return api.apply<KubernetesObject>({ ...owned, metadata }, { fieldManager, force: live !== undefined });
}

/**
 * Writes an object that is probably not there yet, in one request; where it is there, as `applyOwned` does. A server
 * reads a JSON create several times faster than an apply, which is YAML to it.
 */
export async function createOwned(
  api: KubernetesApi,
  object: Owned,
  owner: string,
  fieldManager: string,
  former: readonly string[] = [],
  seen: (live: KubernetesObject) => void = () => {},
): Promise<KubernetesObject> {
  try {
    return await api.create<KubernetesObject>(withOwner(object, owner), { fieldManager });
  } catch (error) {
    // It is there, or a cut connection leaves that open; what the server refused otherwise it would refuse again.
    if (error instanceof KubernetesError && error.reason !== "AlreadyExists") throw error;
    return applyOwned(api, object, owner, fieldManager, former, seen);
  }
}

/** A copy that bears the owner's token. */
function withOwner(object: Owned, owner: string): Owned {
  const annotations = { ...object.metadata.annotations, [OWNER_ANNOTATION]: owner };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** Deletes the object where it bears the owner's token; an object that is gone or another's is left alone. */
export async function deleteOwned(api: KubernetesApi, address: ObjectAddress, owner: string): Promise<void> {
  const live = await api.getOrUndefined<KubernetesObject>(address);
  if (!live || live.metadata.annotations?.[OWNER_ANNOTATION] !== owner) return;
  try {
    await api.delete(address, live.metadata.uid === undefined ? {} : { uid: live.metadata.uid });
  } catch (error) {
    if (!(error instanceof KubernetesError) || ![404, 409].includes(error.status)) throw error;
  }
}

/**
 * @param accepted tokens of the owner: the present one first, then former ones
 * @param nobodys whether an object without a token may be taken over
 * @throws VisibleError for an object of somebody else's
 */
export function refuseForeign(live: KubernetesObject, accepted: readonly string[], nobodys = false): void {
  const token = live.metadata.annotations?.[OWNER_ANNOTATION];
  if (token === undefined ? nobodys : accepted.includes(token)) return;
  const { namespace, name } = live.metadata;
  const where = `${live.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
  const owner = accepted[0];
  throw new VisibleError(
    token === undefined
      ? `${where} exists already and was not made by Edgeflock.`
      : `${where} exists already and belongs to ${token}, not to ${owner}.`,
    { hint: hintFor(token, namespace ?? name, owner) },
  );
}

function hintFor(token: string | undefined, namespace: string, owner: string | undefined): string {
  const stackOf = (text: string | undefined) => text?.split("/").slice(0, 2).join("/");
  if (token === undefined) {
    return `Delete or rename one of the two, or take it into this stack: edgeflock adopt ${namespace}. Nothing was changed.`;
  }
  return stackOf(token) === stackOf(owner)
    ? 'If it was renamed, say so with "formerly" in its manifest (in a program, with an alias too). Nothing was changed.'
    : "Delete or rename one of the two; nothing was changed.";
}
