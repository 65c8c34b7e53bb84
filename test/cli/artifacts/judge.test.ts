import { describe, expect, it } from "vitest";
import type { StoredArtifact } from "../../../builders/contract.ts";
import { judge } from "../../../cli/artifacts/judge.ts";
import type { KubernetesApi } from "../../../kubernetes/api.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const OLD = "2026-11-25T10:00:00Z";
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const flashMap = (className: string, used: string) => ({
  metadata: { name: `${className}-flash` },
  data: { "artifact.json": JSON.stringify({ digest: digest(used) }) },
});

/** A cluster with these classes in its one namespace, `site`. */
function clusterWith(classes: Record<string, string>): KubernetesApi {
  const maps = Object.entries(classes).map(([name, used]) => flashMap(name, used));
  return {
    list: () => Promise.resolve(maps),
    getOrUndefined: ({ metadata }: { metadata: { name: string; namespace: string } }) =>
      Promise.resolve(
        metadata.namespace === "site" ? maps.find((map) => map.metadata.name === metadata.name) : undefined,
      ),
  } as unknown as KubernetesApi;
}

const stored = (letter: string, changes: Partial<StoredArtifact> = {}): StoredArtifact => ({
  digest: digest(letter),
  user: "p/s/site/node",
  place: { clusterUid: "here", namespace: "site", class: "node" },
  putAt: OLD,
  where: "somewhere",
  reference: { digest: digest(letter), store: { kind: "directory", path: "x" } },
  ...changes,
});

describe("what gc takes for garbage", () => {
  const options = { api: clusterWith({ node: "a" }), clusterUid: "here", namespace: "site", now: NOW };
  const outside = async (one: StoredArtifact) => (await judge([one], { ...options, inCluster: false }))[0]!;

  it("is what its class no longer refers to, or whose class is gone, or what nobody uses", async () => {
    expect((await outside(stored("b"))).garbage).toBe("class node uses another");
    const gone = { clusterUid: "here", namespace: "site", class: "gone" };
    expect((await outside(stored("a", { place: gone }))).garbage).toBe("class gone is gone");
    const { user: _, place: __, ...nobody } = stored("a");
    expect((await outside(nobody)).garbage).toBe("nobody uses it");
  });

  it("is never what a class uses, what another Kubernetes uses, what was just put, or what is not known", async () => {
    expect((await outside(stored("a"))).garbage).toBeUndefined();
    const far = { clusterUid: "there", namespace: "site", class: "node" };
    expect((await outside(stored("b", { place: far }))).garbage).toBeUndefined();
    expect((await outside(stored("b", { putAt: "2026-11-25T11:30:00Z" }))).garbage).toBeUndefined();
    const { place: _, ...unknown } = stored("b");
    expect((await outside(unknown)).garbage).toBeUndefined();
  });

  it("is, in the cluster's own store, what no class of the namespace refers to, whoever put it", async () => {
    const judged = await judge([stored("a", { user: "x" }), stored("b"), stored("c", { putAt: OLD })], {
      ...options,
      api: clusterWith({ node: "a", twin: "c" }),
      inCluster: true,
    });
    expect(judged.map(({ garbage }) => garbage)).toEqual([undefined, "no class uses it", undefined]);
  });
});
