// Writes the status of objects where it changes. Sends one small PATCH for each such object.
import { isDeepStrictEqual } from "node:util";
import { type KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";
import { objectPlace } from "../../model/load-objects.ts";
import { API_VERSION } from "../../model/names.ts";
import { approvalOn } from "./approval.ts";
import { nextStatus, type Status, type StatusPreview } from "./conditions.ts";
import type { ObservedObject } from "./observed-objects.ts";
import type { Verdicts } from "./verdicts.ts";

/** Requests under way at once; the client itself keeps as many connections. */
const AT_ONCE = 16;

export interface StatusWriter {
  api: KubernetesApi;
  /** What waits to be approved, by place of the DevicesCluster: all that there is. Where it is left out, what is there stays. */
  previews?: ReadonlyMap<string, StatusPreview> | undefined;
  /** Whether the approvals on DevicesClusters were used up. */
  usedApproval?: boolean | undefined;
}

export interface WrittenStatuses {
  written: number;
  /** What the API server refuses for good: trying again would change nothing. By object, with its reason. */
  refused: string[];
}

/** These come and go: credentials that are renewed, a server that is busy or times out. */
const PASSING = new Set([401, 408, 429]);
const GONE = new Set([404, 409]);

/**
 * @param objects as they were when the verdicts came about: the generation that they are about
 * @param live the object as it was seen last, whose status counts
 * @throws what failed last, where a later try may do better; an object that is gone or was made anew is no failure
 */
export async function writeStatuses(
  writer: StatusWriter,
  objects: readonly ObservedObject[],
  verdicts: Verdicts,
  live: (place: string) => ObservedObject | undefined,
): Promise<WrittenStatuses> {
  const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const work = objects.flatMap((object) => {
    const place = objectPlace(object);
    const current = live(place);
    if (!current || current.metadata.uid !== object.metadata.uid) return [];
    const wishes = verdicts.get(place);
    const next = wishes && nextStatus(current.status, wishes, object.metadata.generation, now);
    const status = { ...next, ...approvalStatus(writer, object, current) };
    return Object.keys(status).length === 0 ? [] : [{ object, status }];
  });
  let failure: unknown;
  const done: WrittenStatuses = { written: 0, refused: [] };
  const queue = work.values();
  const worker = async () => {
    for (const { object, status } of queue) {
      try {
        await patchStatus(writer.api, object, status);
        done.written++;
      } catch (error) {
        if (!(error instanceof KubernetesError) || error.status >= 500 || PASSING.has(error.status)) {
          failure = error;
        } else if (!GONE.has(error.status)) {
          done.refused.push(`${objectPlace(object)}: ${error.message}`);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (failure !== undefined) throw failure;
  return done;
}

/** What changes of `preview` and `approved`. */
function approvalStatus(
  { previews, usedApproval }: StatusWriter,
  object: ObservedObject,
  { status }: ObservedObject,
): Pick<Status, "preview" | "approved"> {
  if (object.kind !== "DevicesCluster") return {};
  const preview = previews?.get(objectPlace(object)) ?? null;
  const approved = usedApproval ? approvalOn(object) : undefined;
  return {
    ...(previews && !isDeepStrictEqual(status?.preview ?? null, preview) && { preview }),
    ...(approved !== undefined && approved !== status?.approved && { approved }),
  };
}

async function patchStatus(api: KubernetesApi, { kind, metadata }: ObservedObject, status: object) {
  const { name, namespace, uid } = metadata;
  const address = {
    apiVersion: API_VERSION,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }) },
  };
  await api.request("PATCH", `${await api.pathOf(address)}/status`, {
    // With the UID the server refuses to write to an object that was made anew.
    body: { metadata: { uid }, status },
    contentType: "application/merge-patch+json",
    query: { fieldManager: "edgeflock-reconciler" },
  });
}
