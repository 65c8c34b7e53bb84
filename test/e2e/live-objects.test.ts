// The check whose an object is, before one of ours is written, on a real API server: by lists and by names alike.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { liveMetadata } from "../../components/live-objects.ts";
import { connect, type KubernetesApi, type KubernetesObject } from "../../kubernetes/api.ts";
import { OWNER_ANNOTATION, refuseForeign } from "../../kubernetes/owned-object.ts";
import { objectLabels } from "../../model/names.ts";

const OURS = "project/stack/n/x";
const namespace = `live-${randomBytes(4).toString("hex")}`;

describe("the objects that are there before ours are written", () => {
  let api: KubernetesApi;
  beforeAll(async () => {
    api = await connect({ kubeconfig: inject("kubeconfig") });
    await api.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  });
  afterAll(() => api?.delete({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }));

  const address = (name: string) => ({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace } });
  const make = (name: string, owner?: string, labels?: Record<string, string>) =>
    api.create({
      ...address(name),
      metadata: {
        ...address(name).metadata,
        ...(labels && { labels }),
        ...(owner !== undefined && { annotations: { [OWNER_ANNOTATION]: owner } }),
      },
    } as KubernetesObject);

  it("are told apart by their tokens, with our label or without", async () => {
    const labels = objectLabels({ cluster: "c" });
    await make("ours", OURS, labels);
    await make("theirs-alike", "project/other/n/x", labels);
    await make("theirs", "project/other/n/y");
    await make("nobodys");
    await make("of-a-device", "project/other/n/d", objectLabels({ cluster: "c", class: "k", device: "d" }));
    const judge = async (name: string) => {
      const live = await liveMetadata(api, address(name));
      if (live) refuseForeign(live, [OURS]);
      return live?.metadata.uid !== undefined;
    };
    expect(await judge("ours")).toBe(true);
    expect(await judge("gone")).toBe(false);
    const belongs = (token: string) => new RegExp(`belongs to ${token}, not to ${OURS}`);
    await expect(judge("theirs-alike")).rejects.toThrow(belongs("project/other/n/x"));
    await expect(judge("theirs")).rejects.toThrow(belongs("project/other/n/y"));
    await expect(judge("of-a-device")).rejects.toThrow(belongs("project/other/n/d"));
    await expect(judge("nobodys")).rejects.toThrow("was not made by Edgeflock");
    await make("late", "project/other/n/z");
    await expect(judge("late")).rejects.toThrow(belongs("project/other/n/z"));
  });
});
