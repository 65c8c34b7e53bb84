// The cluster store against a real API server.
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { digestOf, packArchive } from "../../builders/artifact-archive.ts";
import type { ArtifactReference, FirmwareArtifact } from "../../builders/contract.ts";
import { ARTIFACT_LABEL, type PartObject } from "../../builders/stores/artifact-parts.ts";
import { ClusterStore } from "../../builders/stores/cluster.ts";
import { connect, type KubernetesApi } from "../../kubernetes/api.ts";

let api: KubernetesApi;
let folder = "";
let namespace = "";

beforeAll(async () => {
  api = await connect({ kubeconfig: inject("kubeconfig") });
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  namespace = `artifacts-${randomBytes(4).toString("hex")}`;
  await api.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
});

/** Two and a half objects of bytes that gzip cannot make smaller. */
const LARGE = 2.5 * 900 * 1024;

function sample(size = LARGE) {
  const archive = packArchive(new Map([["app.bin", randomBytes(size)]]));
  const artifact: FirmwareArtifact = {
    digest: digestOf(archive),
    size: archive.length,
    chip: "esp32",
    flashSize: "4MB",
    version: "1",
    files: [],
    config: { label: "cfg", offset: 0x310000, size: 0x6000 },
  };
  return { archive, artifact };
}
const storeOf = (user: string) => new ClusterStore({ api, namespace, user });
const objects = (kind = "ConfigMap") =>
  api.list<PartObject>({ apiVersion: "v1", kind, namespace }, { labelSelector: ARTIFACT_LABEL });
const parts = ({ store }: ArtifactReference) => (store.kind === "cluster" ? store.parts : []);

describe("the cluster store", () => {
  it("keeps an artefact in immutable ConfigMaps named after its digest, and gives it back", async () => {
    const { archive, artifact } = sample();
    const reference = await storeOf("a").put(artifact, archive);
    const short = artifact.digest.slice(7, 23);
    expect(parts(reference)).toEqual([0, 1, 2].map((index) => `artifact-${short}-${index}`));
    for (const object of await objects()) {
      expect(object.immutable).toBe(true);
      expect(object.metadata.labels).toMatchObject({
        "edgeflock.io/artifact": short,
        "app.kubernetes.io/managed-by": "edgeflock",
      });
      expect(object.metadata.annotations).toMatchObject({ "edgeflock.io/digest": artifact.digest });
      expect(Buffer.from(object.binaryData!.part!, "base64").length).toBeLessThanOrEqual(900 * 1024);
    }
    expect(await storeOf("b").has(reference)).toBe(true);
    await storeOf("b").get(reference, join(folder, "out"));
    expect(digestOf(packArchive(new Map([["app.bin", await readFile(join(folder, "out/app.bin"))]])))).toBe(
      artifact.digest,
    );
  });

  it("puts the same artefact again without writing anything", async () => {
    const { archive, artifact } = sample(1000);
    const first = await storeOf("a").put(artifact, archive);
    const versions = (await objects()).map(({ metadata }) => metadata.resourceVersion);
    expect(await storeOf("a").put(artifact, archive)).toEqual(first);
    expect((await objects()).map(({ metadata }) => metadata.resourceVersion)).toEqual(versions);
  });

  it("completes what an interrupted put began, and replaces what is damaged", async () => {
    const { archive, artifact } = sample();
    const reference = await storeOf("a").put(artifact, archive);
    const address = (index: number) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: parts(reference)[index]!, namespace },
    });
    for (const index of [1, 0]) {
      await api.delete(address(index));
      expect(await storeOf("a").has(reference)).toBe(false);
      await expect(storeOf("a").get(reference, join(folder, "x"))).rejects.toThrow("missing or damaged");
      await storeOf("a").put(artifact, archive);
      expect(await storeOf("a").has(reference)).toBe(true);
    }
    const old = await api.get<PartObject>(address(2));
    await api.delete(address(2));
    const { uid: _, resourceVersion: __, ...metadata } = old.metadata;
    const other = { ...old, metadata, binaryData: { part: Buffer.from("other").toString("base64") } };
    await api.create(other);
    expect(await storeOf("a").has(reference)).toBe(false);
    await storeOf("a").put(artifact, archive);
    expect(await storeOf("a").has(reference)).toBe(true);
  });

  it("keeps an artefact until its last user deletes it", async () => {
    const { archive, artifact } = sample(1000);
    const reference = await storeOf("stack/one").put(artifact, archive);
    expect(await storeOf("stack/two").put(artifact, archive)).toEqual(reference);
    await storeOf("stack/one").delete(reference);
    await storeOf("stack/one").delete(reference);
    expect(await storeOf("stack/two").has(reference)).toBe(true);
    await storeOf("stack/two").delete(reference);
    expect(await objects()).toEqual([]);
    await storeOf("stack/two").delete(reference);
  });

  it("bears many who put and delete one artefact at once", async () => {
    const { archive, artifact } = sample();
    const users = ["a", "b", "c", "d", "e"];
    const references = await Promise.all(users.map((user) => storeOf(user).put(artifact, archive)));
    expect(new Set(references.map((one) => JSON.stringify(one))).size).toBe(1);
    await Promise.all([
      ...users.map((user) => storeOf(user).delete(references[0]!)),
      ...["f", "g"].map((user) => storeOf(user).put(artifact, archive)),
    ]);
    expect(await storeOf("f").has(references[0]!)).toBe(true);
    await Promise.all(["f", "g"].map((user) => storeOf(user).delete(references[0]!)));
    expect(await objects()).toEqual([]);
  });

  it("finishes a deletion that was interrupted, and stores anew", async () => {
    const { archive, artifact } = sample();
    const reference = await storeOf("a").put(artifact, archive);
    const first = (await objects()).find(({ metadata }) => metadata.name.endsWith("-0"))!;
    first.metadata.annotations!["edgeflock.io/deleting"] = "true";
    await api.replace(first);
    expect(await storeOf("a").has(reference)).toBe(false);
    await storeOf("b").put(artifact, archive);
    expect(await storeOf("b").has(reference)).toBe(true);
  });

  it("never overwrites another artefact whose digest begins alike", async () => {
    const { archive, artifact } = sample(1000);
    await storeOf("a").put(artifact, archive);
    const other = { ...artifact, digest: artifact.digest.slice(0, 30).padEnd(71, "0") };
    await expect(storeOf("a").put(other, archive)).rejects.toThrow("holds something else");
    await expect(
      storeOf("a").delete({ ...other, store: { kind: "cluster", namespace, parts: [] } }),
    ).rejects.toThrow("holds something else");
    expect(await objects()).toHaveLength(1);
  });

  it("keeps firmware that was built with secrets in Secrets, not in ConfigMaps", async () => {
    const { archive, artifact } = sample(1000);
    const secret = { ...artifact, secretBearing: true as const };
    const reference = await storeOf("a").put(secret, archive);
    expect(reference.store).toMatchObject({ kind: "cluster", objects: "Secret" });
    expect(await objects()).toEqual([]);
    expect(await objects("Secret")).toHaveLength(1);
    await storeOf("a").get(reference, join(folder, "secret"));
    await storeOf("a").delete(reference);
    expect(await objects("Secret")).toEqual([]);
  });

  it("says when the namespace's quota is too small, and a later put succeeds", async () => {
    const quota = {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "few", namespace },
      spec: { hard: { "count/configmaps": "1" } },
    };
    const created = await api.create(quota);
    // what the quota controller would do
    const status = { hard: quota.spec.hard, used: { "count/configmaps": "0" } };
    await api.request("PUT", `${await api.pathOf(quota)}/status`, { body: { ...created, status } });
    const { archive, artifact } = sample();
    await expect(storeOf("a").put(artifact, archive)).rejects.toThrow("does not fit into namespace");
    await api.delete(quota);
    const reference = await storeOf("a").put(artifact, archive);
    expect(await storeOf("a").has(reference)).toBe(true);
  });
});
