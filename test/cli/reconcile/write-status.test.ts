import { describe, expect, it } from "vitest";
import { APPROVE_ANNOTATION, type ObservedObject } from "../../../cli/reconcile/observed-objects.ts";
import { writeStatuses } from "../../../cli/reconcile/write-status.ts";
import type { KubernetesApi } from "../../../kubernetes/api.ts";

const PREVIEW = { id: "abc", summary: "1 to update", changes: ["update Device site/a"] };
const CLUSTER: ObservedObject = {
  kind: "DevicesCluster",
  metadata: { name: "main", uid: "1", generation: 1, annotations: { [APPROVE_ANNOTATION]: "abc" } },
  spec: { namespace: "site" },
  status: { observedGeneration: 1, preview: PREVIEW },
};

/** What is sent as `status`. */
async function written(options: Partial<Parameters<typeof writeStatuses>[0]>): Promise<unknown[]> {
  const sent: unknown[] = [];
  const api = {
    pathOf: async () => "/main",
    request: async (_method: string, _path: string, { body }: { body: { status: unknown } }) => {
      sent.push(body.status);
    },
  };
  const writer = { api: api as unknown as KubernetesApi, ...options };
  await writeStatuses(writer, [CLUSTER], new Map(), () => CLUSTER);
  return sent;
}

describe("the status of a DevicesCluster", () => {
  it("keeps what waits to be approved where a run did not get as far as to decide on it", async () => {
    expect(await written({})).toEqual([]);
  });

  it("loses it when nothing waits any more, and remembers the approval that was used up", async () => {
    expect(await written({ previews: new Map() })).toEqual([{ preview: null }]);
    expect(await written({ previews: new Map(), usedApproval: true })).toEqual([
      { preview: null, approved: "abc" },
    ]);
  });

  it("is not written again where it is the same, in whatever order of fields", async () => {
    const { changes, id, summary } = PREVIEW;
    const previews = new Map([["DevicesCluster main", { changes, summary, id }]]);
    expect(await written({ previews })).toEqual([]);
  });
});
