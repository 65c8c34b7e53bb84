import { describe, expect, it } from "vitest";
import { APPROVE_ANNOTATION, type ObservedObject } from "../../../cli/reconcile/observed-objects.ts";
import { writeStatuses } from "../../../cli/reconcile/write-status.ts";
import { type KubernetesApi, KubernetesError } from "../../../kubernetes/api.ts";

const PREVIEW = { id: "abc", summary: "1 to update", changes: ["update Device site/a"] };
const CLUSTER: ObservedObject = {
  kind: "DevicesCluster",
  metadata: { name: "main", uid: "1", generation: 1, annotations: { [APPROVE_ANNOTATION]: "abc" } },
  spec: { namespace: "site" },
  status: { observedGeneration: 1, preview: PREVIEW },
};

describe("a status that cannot be written", () => {
  const answering = async (status: number) => {
    const request = async () => {
      throw new KubernetesError(status, "X", "you may not");
    };
    const api = { pathOf: async () => "/main", request } as unknown as KubernetesApi;
    return writeStatuses({ api, previews: new Map() }, [CLUSTER], new Map(), () => CLUSTER);
  };

  it("is done where it is refused for good, and is told", async () => {
    for (const status of [400, 403, 422]) {
      expect(await answering(status)).toEqual({ written: 0, refused: ["DevicesCluster main: you may not"] });
    }
  });

  it("is nothing where the object is gone", async () => {
    for (const status of [404, 409]) expect(await answering(status)).toEqual({ written: 0, refused: [] });
  });

  it("is tried again where that may help", async () => {
    for (const status of [401, 429, 500, 503]) await expect(answering(status)).rejects.toThrow("you may not");
  });
});

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
