// Carries an adoption out: first the values that are kept, then the owners, so that a stop in between loses nothing.
// Writes to the API server.
import type { KubernetesApi } from "../../kubernetes/api.ts";
import { OWNER_ANNOTATION } from "../../kubernetes/owned-object.ts";
import { ADOPTED_LABEL, type Adopted } from "../../model/adopted.ts";
import { ADOPTED_FROM_ANNOTATION, ROOT_KEY_ANNOTATION } from "../../model/annotations.ts";
import { objectLabels } from "../../model/names.ts";
import type { Adoption } from "./plan-adoption.ts";
import type { LiveObject } from "./read-device-secret.ts";

const FIELD_MANAGER = "edgeflock-adopt";
/** A Secret takes 1 MiB; base64 and metadata come on top of the text. */
const SHARD_BYTES = 400_000;

export async function carryOut(
  api: KubernetesApi,
  namespace: string,
  plan: Adoption,
  before: Adopted,
  owner: string,
): Promise<void> {
  for (const [index, data] of shards({ ...before, ...plan.values }).entries()) {
    await api.apply(
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name: `edgeflock-adopted-${index}`,
          namespace,
          labels: { ...objectLabels({ cluster: plan.cluster }), [ADOPTED_LABEL]: "true" },
          annotations: { [OWNER_ANNOTATION]: owner },
        },
        type: "Opaque",
        data,
      } as never,
      { fieldManager: FIELD_MANAGER, force: true },
    );
  }
  for (const { object, token } of plan.owners) await annotate(api, object, { [OWNER_ANNOTATION]: token });
  // From now on what is here goes with the key of whoever runs the next update.
  const address = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
  await annotate(api, address, {
    [ROOT_KEY_ANNOTATION]: null,
    ...(plan.from !== undefined && { [ADOPTED_FROM_ANNOTATION]: plan.from }),
  });
}

/** Merges, and for an object that was made anew since it was looked at, refuses. */
async function annotate(
  api: KubernetesApi,
  { apiVersion, kind, metadata: { name, namespace, uid } }: LiveObject,
  annotations: Record<string, string | null>,
): Promise<void> {
  const address = { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) } };
  await api.request("PATCH", await api.pathOf(address), {
    contentType: "application/merge-patch+json",
    query: { fieldManager: FIELD_MANAGER },
    body: { metadata: { annotations, ...(uid !== undefined && { uid }) } },
  });
}

function shards(values: Adopted): Record<string, string>[] {
  const all: Record<string, string>[] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const [key, value] of Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const bytes = Buffer.byteLength(key) + Buffer.byteLength(value);
    if (size + bytes > SHARD_BYTES) {
      all.push({});
      size = 0;
    }
    all.at(-1)![key] = Buffer.from(value).toString("base64");
    size += bytes;
  }
  return all;
}
