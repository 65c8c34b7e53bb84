// What every artefact store outside of the cluster keeps to, as tests that are given one.
import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { digestOf, packArchive } from "../../../builders/artifact-archive.ts";
import { artifactIdentity } from "../../../builders/artifact-cipher.ts";
import { buildRecord } from "../../../builders/build-record.ts";
import type { ArtifactReference, ArtifactStore, UserPlace } from "../../../builders/contract.ts";
import { describeArtifact } from "../../../builders/describe-artifact.ts";
import { CLASS, soundFirmware } from "../support.ts";

export interface StoreOptions {
  user: string;
  place?: UserPlace;
  identity?: string;
}

/** An artefact that is like no other, with the record of its build. */
export function sample(changes: { secretBearing?: true } = {}) {
  const files = { ...soundFirmware("1.0"), "noise.bin": randomBytes(3000) };
  const archive = packArchive(new Map(Object.entries(files)));
  const artifact = { ...describeArtifact(archive, { ...CLASS, flashSize: "4MB" }), ...changes };
  const contentHash = randomBytes(32).toString("hex");
  const record = buildRecord({
    artifact,
    request: { ...CLASS, builder: { name: "command" }, projectFolder: "/" },
    contentHash,
    parts: { builder: "command 1" },
    started: new Date(0),
    finished: new Date(1000),
    log: "compiling",
  });
  return { archive, artifact, record, contentHash };
}

export async function has(store: ArtifactStore, reference: ArtifactReference): Promise<boolean> {
  const archive = await store.read(reference);
  if (archive) expect(digestOf(archive)).toBe(reference.digest);
  return archive !== undefined;
}

/**
 * @param open the same store for another user
 * @param damage changes the stored bytes
 * @param raw all bytes that are kept, as they lie there
 */
export function keepsToTheRules(given: {
  open(options: StoreOptions): ArtifactStore;
  damage(reference: ArtifactReference): Promise<void>;
  raw(reference: ArtifactReference): Promise<Buffer>;
  /** False where the server never takes bytes again that it believes to have. */
  mends?: boolean;
}): void {
  const storeOf = (user: string) => given.open({ user, identity: artifactIdentity(`stack of ${user}`) });

  it("gives back what was put, to everybody who has the reference", async () => {
    const { archive, artifact, record } = sample();
    const reference = await storeOf("a").put(artifact, archive, record);
    expect(reference).toMatchObject(artifact);
    expect(await has(storeOf("b"), reference)).toBe(true);
    expect(await storeOf("a").put(artifact, archive, record)).toEqual(reference);
    await storeOf("a").delete(reference);
    expect(await has(storeOf("a"), reference)).toBe(false);
  });

  it("notices damage, and mends it with the next put", async () => {
    const { archive, artifact } = sample();
    const reference = await storeOf("a").put(artifact, archive);
    await given.damage(reference);
    expect(await has(storeOf("a"), reference)).toBe(false);
    if (given.mends === false) {
      await expect(storeOf("a").put(artifact, archive)).rejects.toThrow("keeps damaged bytes");
    } else {
      expect(await has(storeOf("a"), await storeOf("a").put(artifact, archive))).toBe(true);
    }
    await storeOf("a").delete(reference);
  });

  it("keeps an artefact for each of its users until that one deletes it", async () => {
    const { archive, artifact } = sample();
    const [first, second] = [
      await storeOf("a").put(artifact, archive),
      await storeOf("b").put(artifact, archive),
    ];
    await storeOf("a").delete(first);
    await storeOf("a").delete(first);
    expect(await has(storeOf("b"), second)).toBe(true);
    await storeOf("b").delete(second);
    expect(await has(storeOf("b"), second)).toBe(false);
    expect((await storeOf("a").list()).filter(({ digest }) => digest === artifact.digest)).toEqual([]);
  });

  it("bears many who put and delete at once", async () => {
    const { archive, artifact } = sample();
    const users = Array.from({ length: 6 }, (_, index) => `user-${index}`);
    const references = await Promise.all(users.map((user) => storeOf(user).put(artifact, archive)));
    await Promise.all(users.slice(1).map((user, index) => storeOf(user).delete(references[index + 1]!)));
    expect(await has(storeOf(users[0]!), references[0]!)).toBe(true);
    await storeOf(users[0]!).delete(references[0]!);
  });

  it("lets go of what a killed run left in its user's name, and of nothing else", async () => {
    const [old, other, current] = [sample(), sample(), sample()];
    const left = await storeOf("k").put(old.artifact, old.archive);
    const theirs = await storeOf("other").put(other.artifact, other.archive);
    const kept = await storeOf("k").put(current.artifact, current.archive);
    await storeOf("k").keepOnly(kept);
    expect(await has(storeOf("k"), left)).toBe(false);
    expect(await has(storeOf("k"), kept)).toBe(true);
    expect(await has(storeOf("other"), theirs)).toBe(true);
    await storeOf("k").delete(kept);
    await storeOf("other").delete(theirs);
  });

  it("finds what others built, until nobody has it any more", async () => {
    const { archive, artifact, record, contentHash } = sample();
    expect(await storeOf("b").findBuild(contentHash)).toBeUndefined();
    const reference = await storeOf("a").put(artifact, archive, record);
    const found = await storeOf("b").findBuild(contentHash);
    expect(found?.record).toEqual(record);
    expect(digestOf(found!.archive)).toBe(artifact.digest);
    const again = await storeOf("b").put(artifact, archive, record);
    await storeOf("a").delete(reference);
    expect(await storeOf("c").findBuild(contentHash)).toBeDefined();
    await given.damage(again);
    expect(await storeOf("c").findBuild(contentHash)).toBeUndefined();
    await storeOf("b").delete(again);
    expect(await storeOf("c").findBuild(contentHash)).toBeUndefined();
  });

  it("keeps what was built with a secret encrypted, for its stack alone, and tells nobody how to find it", async () => {
    const { archive, artifact, record, contentHash } = sample({ secretBearing: true });
    const reference = await storeOf("a").put(artifact, archive, record);
    expect(reference.store).toMatchObject({ encrypted: "age" });
    const raw = await given.raw(reference);
    expect(raw.subarray(0, 21).toString()).toBe("age-encryption.org/v1");
    expect(await has(storeOf("a"), reference)).toBe(true);
    expect(await has(storeOf("b"), reference)).toBe(false);
    expect(await storeOf("a").findBuild(contentHash)).toBeUndefined();
    const theirs = await storeOf("b").put(artifact, archive, record);
    expect(await has(storeOf("a"), reference)).toBe(true);
    expect(await has(storeOf("b"), theirs)).toBe(true);
    await storeOf("a").delete(reference);
    expect(await has(storeOf("b"), theirs)).toBe(true);
    await storeOf("b").delete(theirs);
    await expect(given.open({ user: "c" }).put(artifact, archive)).rejects.toThrow("there is no key");
  });

  it("lists what there is, with its users and what is known of the build", async () => {
    const { archive, artifact, record } = sample();
    const place = { clusterUid: "uid", namespace: "greenhouse", class: "node" };
    const store = given.open({ user: "p/s/greenhouse/node", place });
    const reference = await store.put(artifact, archive, record);
    await storeOf("b").put(artifact, archive, record);
    const own = (await store.list()).filter(({ digest }) => digest === artifact.digest);
    expect(own.map(({ user }) => user).sort()).toEqual(["b", "p/s/greenhouse/node"]);
    const mine = own.find(({ user }) => user !== "b")!;
    expect(mine).toMatchObject({ place, record, where: expect.stringContaining(artifact.digest.slice(7)) });
    expect(await has(store, { ...artifact, ...mine.reference })).toBe(true);
    for (const { user, reference: listed } of own) await storeOf(user!).delete(listed);
    expect(await has(store, reference)).toBe(false);
  });
}
