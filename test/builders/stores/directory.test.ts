import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../../builders/artifact-archive.ts";
import type { ArtifactReference } from "../../../builders/contract.ts";
import { DirectoryStore } from "../../../builders/stores/directory.ts";
import { keepsToTheRules, type StoreOptions, sample } from "./store-rules.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const open = (options: StoreOptions) => new DirectoryStore({ folder: join(folder, "store"), ...options });
const pathOf = ({ store }: ArtifactReference) => {
  if (store.kind !== "directory") throw new Error("wrong kind");
  return store.path;
};

describe("the directory store", () => {
  keepsToTheRules({
    open,
    raw: (reference) => readFile(pathOf(reference)),
    async damage(reference) {
      const path = pathOf(reference);
      await writeFile(path, (await readFile(path)).subarray(0, 100));
    },
  });

  it("keeps a gzipped tar whose digest is that of its reference, and nothing when nobody uses it", async () => {
    const { archive, artifact, record } = sample();
    const reference = await open({ user: "a" }).put(artifact, archive, record);
    expect(digestOf(gunzipSync(await readFile(pathOf(reference))))).toBe(artifact.digest);
    await open({ user: "a" }).delete(reference);
    expect(await readdir(join(folder, "store"))).toEqual([]);
  });
});
