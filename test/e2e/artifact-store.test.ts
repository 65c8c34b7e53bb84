// The cluster store against a real API server.
import { randomBytes } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { digestOf, packArchive } from "../../builders/artifact-archive.ts";
import type { ArtifactReference, FirmwareArtifact } from "../../builders/contract.ts";
import { ARTIFACT_LABEL, type PartObject } from "../../builders/stores/artifact-parts.ts";
import { ClusterStore } from "../../builders/stores/cluster.ts";
import { connect, type KubernetesApi } from "../../kubernetes/api.ts";
import { sample as described, has } from "../builders/stores/store-rules.ts";

let api: KubernetesApi;
let namespace = "";

beforeAll(async () => {
  api = await connect({ kubeconfig: inject("kubeconfig") });
});
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
    expect(await has(storeOf("b"), reference)).toBe(true);
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
      expect(await has(storeOf("a"), reference)).toBe(false);
      await storeOf("a").put(artifact, archive);
      expect(await has(storeOf("a"), reference)).toBe(true);
    }
    const old = await api.get<PartObject>(address(2));
    await api.delete(address(2));
    const { uid: _, resourceVersion: __, ...metadata } = old.metadata;
    const other = { ...old, metadata, binaryData: { part: Buffer.from("other").toString("base64") } };
    await api.create(other);
    expect(await has(storeOf("a"), reference)).toBe(false);
    await storeOf("a").put(artifact, archive);
    expect(await has(storeOf("a"), reference)).toBe(true);
  });

  it("keeps an artefact until its last user deletes it", async () => {
    const { archive, artifact } = sample(1000);
    const reference = await storeOf("stack/one").put(artifact, archive);
    expect(await storeOf("stack/two").put(artifact, archive)).toEqual(reference);
    await storeOf("stack/one").delete(reference);
    await storeOf("stack/one").delete(reference);
    expect(await has(storeOf("stack/two"), reference)).toBe(true);
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
    expect(await has(storeOf("f"), references[0]!)).toBe(true);
    await Promise.all(["f", "g"].map((user) => storeOf(user).delete(references[0]!)));
    expect(await objects()).toEqual([]);
  });

  it("finishes a deletion that was interrupted, and stores anew", async () => {
    const { archive, artifact } = sample();
    const reference = await storeOf("a").put(artifact, archive);
    const first = (await objects()).find(({ metadata }) => metadata.name.endsWith("-0"))!;
    first.metadata.annotations!["edgeflock.io/deleting"] = "true";
    await api.replace(first);
    expect(await has(storeOf("a"), reference)).toBe(false);
    await storeOf("b").put(artifact, archive);
    expect(await has(storeOf("b"), reference)).toBe(true);
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
    expect(await has(storeOf("a"), reference)).toBe(true);
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
    expect(await has(storeOf("a"), reference)).toBe(true);
  });

  it("tells others what was built for which hash, as long as it is there; and what it knows of each", async () => {
    const { archive, artifact, record, contentHash } = described();
    const reference = await storeOf("a").put(artifact, archive, record);
    expect(parts(reference)).toEqual([`artifact-${artifact.digest.slice(7, 23)}-0`]);
    const found = await storeOf("b").findBuild(contentHash);
    expect(found?.record).toEqual(record);
    expect(digestOf(found!.archive)).toBe(artifact.digest);
    // the same bytes by another way
    const other = { ...record, contentHash: randomBytes(32).toString("hex") };
    await storeOf("b").put(artifact, archive, other);
    expect(digestOf((await storeOf("c").findBuild(other.contentHash))!.archive)).toBe(artifact.digest);
    expect(await storeOf("c").findBuild(contentHash)).toBeDefined();
    const listed = await storeOf("c").list();
    expect(listed.map(({ user }) => user).sort()).toEqual(["a", "b"]);
    expect(listed[0]).toMatchObject({ digest: artifact.digest, record });
    for (const user of ["a", "b"]) await storeOf(user).delete(reference);
    expect(await storeOf("c").findBuild(contentHash)).toBeUndefined();
    expect(await objects()).toEqual([]);
  });

  it("tells nobody of what was built with a secret, and keeps its record in a Secret", async () => {
    const { archive, artifact, record, contentHash } = described({ secretBearing: true });
    const reference = await storeOf("a").put(artifact, archive, record);
    expect(await storeOf("a").findBuild(contentHash)).toBeUndefined();
    expect(await objects()).toEqual([]);
    expect(
      (await objects("Secret")).map(({ metadata }) => metadata.name.replace(/^artifact-\w{16}-/, "")).sort(),
    ).toEqual(["0", "record"]);
    expect((await storeOf("a").list())[0]).toMatchObject({ user: "a", record: { secretBearing: true } });
    await storeOf("a").delete(reference);
    expect(await objects("Secret")).toEqual([]);
  });
});
