import { expect, it } from "vitest";
import { liveMetadata } from "../../components/live-objects.ts";
import { type KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";

const address = (name: string, namespace?: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, ...(namespace !== undefined && { namespace }) },
});

/** An API server with one object of the fleet and one of somebody else's, which has no label. */
function server(mayList = true) {
  const asked: string[] = [];
  const ours = { ...address("ours", "n"), metadata: { name: "ours", annotations: { owner: "us" } } };
  const api = {
    async listMetadata(of: { namespace: string }, { labelSelector }: { labelSelector: string }) {
      asked.push(`list ${of.namespace} ${labelSelector}`);
      if (!mayList) throw new KubernetesError(403, "Forbidden", "forbidden");
      return [ours];
    },
    async getOrUndefined({ metadata }: ReturnType<typeof address>) {
      asked.push(`get ${metadata.name}`);
      return metadata.name === "gone" ? undefined : { metadata: { name: metadata.name } };
    },
  };
  return { api: api as unknown as KubernetesApi, asked };
}

it("lists a kind once, and asks by its name for what bears no label of ours: that may be somebody else's", async () => {
  const { api, asked } = server();
  const [first, again] = await Promise.all([
    liveMetadata(api, address("ours", "n")),
    liveMetadata(api, address("ours", "n")),
  ]);
  expect(first?.metadata.annotations).toEqual({ owner: "us" });
  expect(again).toBe(first);
  expect(await liveMetadata(api, address("theirs", "n"))).toBeDefined();
  expect(await liveMetadata(api, address("gone", "n"))).toBeUndefined();
  expect(asked).toEqual([
    "list n app.kubernetes.io/managed-by=edgeflock,!edgeflock.io/device",
    "get theirs",
    "get gone",
  ]);
});

it("asks by name where it may not list, and for what stands in no namespace", async () => {
  const { api, asked } = server(false);
  expect(await liveMetadata(api, address("ours", "n"))).toBeDefined();
  expect(await liveMetadata(api, address("whole"))).toBeDefined();
  expect(asked.filter((each) => each.startsWith("get"))).toEqual(["get ours", "get whole"]);
});
