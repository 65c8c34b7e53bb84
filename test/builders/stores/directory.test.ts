import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { digestOf, packArchive } from "../../../builders/artifact-archive.ts";
import { describeArtifact } from "../../../builders/describe-artifact.ts";
import { DirectoryStore } from "../../../builders/stores/directory.ts";
import { CLASS, soundFirmware, temporaryCache } from "../support.ts";

const place = temporaryCache();
const sample = (version = "1") => {
  const archive = packArchive(new Map(Object.entries(soundFirmware(version))));
  return { archive, artifact: describeArtifact(archive, { ...CLASS, flashSize: "4MB" }) };
};
const storeOf = (user: string) => new DirectoryStore({ folder: join(place.folder, "store"), user });

describe("the directory store", () => {
  it("gives back what was put, as files", async () => {
    const { archive, artifact } = sample();
    const store = storeOf("a");
    const reference = await store.put(artifact, archive);
    expect(await store.has(reference)).toBe(true);
    await store.get(reference, join(place.folder, "out"));
    for (const [path, bytes] of Object.entries(soundFirmware("1"))) {
      expect(new Uint8Array(await readFile(join(place.folder, "out", path)))).toEqual(new Uint8Array(bytes));
    }
  });

  it("keeps a gzipped tar whose digest is that of its reference", async () => {
    const { archive, artifact } = sample();
    const { store, digest } = await storeOf("a").put(artifact, archive);
    if (store.kind !== "directory") throw new Error("wrong kind");
    expect(digestOf(gunzipSync(await readFile(store.path)))).toBe(digest);
  });

  it("notices damage, and mends it with the next put", async () => {
    const { archive, artifact } = sample();
    const store = storeOf("a");
    const reference = await store.put(artifact, archive);
    if (reference.store.kind !== "directory") throw new Error("wrong kind");
    await writeFile(reference.store.path, (await readFile(reference.store.path)).subarray(0, 100));
    expect(await store.has(reference)).toBe(false);
    await expect(store.get(reference, join(place.folder, "out"))).rejects.toThrow("missing or damaged");
    await store.put(artifact, archive);
    expect(await store.has(reference)).toBe(true);
  });

  it("keeps an artefact until its last user deletes it", async () => {
    const { archive, artifact } = sample();
    const reference = await storeOf("a").put(artifact, archive);
    await storeOf("b").put(artifact, archive);
    await storeOf("a").delete(reference);
    expect(await storeOf("a").has(reference)).toBe(true);
    await storeOf("a").delete(reference);
    expect(await storeOf("b").has(reference)).toBe(true);
    await storeOf("b").delete(reference);
    expect(await storeOf("b").has(reference)).toBe(false);
    expect(await readdir(join(place.folder, "store"))).toEqual([]);
  });

  it("bears many who put and delete at once", async () => {
    const { archive, artifact } = sample();
    const users = Array.from({ length: 8 }, (_, index) => `user-${index}`);
    const references = await Promise.all(users.map((user) => storeOf(user).put(artifact, archive)));
    await Promise.all(users.slice(1).map((user, index) => storeOf(user).delete(references[index + 1]!)));
    expect(await storeOf(users[0]!).has(references[0]!)).toBe(true);
  });

  it("refuses firmware that was built with secrets", async () => {
    const { archive, artifact } = sample();
    await expect(storeOf("a").put({ ...artifact, secretBearing: true }, archive)).rejects.toThrow(
      "built with secrets",
    );
  });
});
