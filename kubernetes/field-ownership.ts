// Turns what a field manager created into what it applied. Sends one request where there is something to turn.
//
// A server keeps for each manager apart what it wrote by create or update and what it wrote by apply, and an apply takes
// away only what an earlier apply had written. So before the first apply of what was created, its fields are recorded as
// applied, as client-go's csaupgrade does.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
import type { KubernetesApi, KubernetesObject } from "./api.ts";

interface ManagedFields {
  manager?: string;
  operation?: string;
  subresource?: string;
  fieldsV1?: FieldSet;
  [field: string]: unknown;
}

/** `fieldsV1`: names of fields, each with those below it. */
interface FieldSet {
  [field: string]: FieldSet;
}

/** @throws KubernetesError with status 409 where somebody wrote the object meanwhile */
export async function applyWhatWasCreated(
  api: KubernetesApi,
  live: KubernetesObject,
  fieldManager: string,
): Promise<void> {
  const managed = (live.metadata.managedFields ?? []) as ManagedFields[];
  const applied = asApplied(managed, fieldManager);
  if (!applied) return;
  await api.request("PATCH", await api.pathOf(live), {
    contentType: "application/json-patch+json",
    body: [
      { op: "replace", path: "/metadata/resourceVersion", value: live.metadata.resourceVersion },
      { op: "replace", path: "/metadata/managedFields", value: applied },
    ],
  });
}

/** The entries with the manager's own joined into one of an apply; undefined where it created nothing. Pure. */
export function asApplied(
  managed: readonly ManagedFields[],
  fieldManager: string,
): ManagedFields[] | undefined {
  const isOwn = (entry: ManagedFields) => entry.manager === fieldManager && !entry.subresource;
  const own = managed.filter(isOwn);
  if (!own.some(({ operation }) => operation === "Update")) return undefined;
  const fieldsV1 = own.map((entry) => entry.fieldsV1 ?? {}).reduce(joined);
  const joinedEntry = { ...own[0], operation: "Apply", fieldsV1 };
  return [...managed.filter((entry) => !isOwn(entry)), joinedEntry];
}

function joined(one: FieldSet, other: FieldSet): FieldSet {
  const result = { ...one };
  for (const [field, below] of Object.entries(other)) {
    result[field] = joined(result[field] ?? {}, below);
  }
  return result;
}
