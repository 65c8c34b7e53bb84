import { createHash, randomBytes } from "node:crypto";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, it } from "vitest";
import { type Bundle, openBundle, sealBundle } from "../../../flash/bundle/bundle-file.ts";
import { BundleSource, boardsOf } from "../../../flash/bundle/bundle-source.ts";
import type { ResultEntry } from "../../../flash/station/result-log.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const app = new Uint8Array(randomBytes(5000));
const image = new Uint8Array(randomBytes(0x3000));
const LONG_PATH = `${"deep/".repeat(18)}app.bin`;

const BUNDLE: Bundle = {
  id: "2026-11-24-0a0b0c0d",
  place: { cluster: "greenhouse", namespace: "greenhouse", class: "esp32-cam" },
  artifact: {
    digest: `sha256:${"a".repeat(64)}`,
    size: 6000,
    chip: "esp32",
    flashSize: "4MB",
    version: "1.0.0",
    files: [{ offset: 0x10000, path: LONG_PATH, sha256: sha256(app), size: app.length }],
    config: { label: "cfg", offset: 0x3f0000, size: 0x3000 },
  },
  madeBy: "ann",
  madeAt: "2026-11-24T10:00:00Z",
  firmware: new Map([[LONG_PATH, app]]),
  devices: [
    { device: "cam-1", image, digest: `sha256:${sha256(image)}` },
    { device: "d".repeat(56), image, digest: `sha256:${sha256(image)}`, keys: new Uint8Array(4096).fill(9) },
  ],
};
const passphrase = "some words that nobody knows";

describe("a bundle's file", () => {
  it("gives back what was put in, to the passphrase or to a key", { timeout: 60_000 }, async () => {
    expect(await openBundle(await sealBundle(BUNDLE, { passphrase }), { passphrase })).toEqual(BUNDLE);
    const identity = await generateX25519Identity();
    const sealed = await sealBundle(BUNDLE, { recipients: [await identityToRecipient(identity)] });
    expect(await openBundle(sealed, { identities: [await generateX25519Identity(), identity] })).toEqual(
      BUNDLE,
    );
    await expect(openBundle(sealed, { identities: [await generateX25519Identity()] })).rejects.toThrow(
      "None of the identities opens it",
    );
  });

  it("is refused when it was changed, cut, or is something else", { timeout: 60_000 }, async () => {
    const identity = await generateX25519Identity();
    const sealed = await sealBundle(BUNDLE, { recipients: [await identityToRecipient(identity)] });
    const flipped = sealed.slice();
    flipped[flipped.length - 100]! ^= 1;
    for (const bytes of [
      flipped,
      sealed.slice(0, -1),
      new Uint8Array(0),
      new TextEncoder().encode("no bundle"),
    ]) {
      await expect(openBundle(bytes, { identities: [identity] })).rejects.toThrow("cannot be opened");
    }
    await expect(openBundle(sealed, { identities: ["AGE-SECRET-KEY-1NONSENSE"] })).rejects.toThrow(
      "no age identity",
    );
  });
});

describe("who has which device of a bundle", () => {
  const entry = (more: Partial<ResultEntry>): ResultEntry => ({
    time: "2026-11-24T10:00:00Z",
    outcome: "claimed",
    who: "ann",
    port: "p",
    class: "esp32-cam",
    cluster: "greenhouse",
    namespace: "greenhouse",
    bundle: BUNDLE.id,
    ...more,
  });

  it("is told by the log: the first board keeps it, also when writing it failed", () => {
    const boards = boardsOf([
      entry({ device: "cam-1", mac: "m1" }),
      entry({ outcome: "failed", device: "cam-1", mac: "m1" }),
      entry({ device: "cam-1", mac: "m2" }),
      entry({ outcome: "flashed", device: "cam-1", mac: "m2", configDigest: "c" }),
      entry({ outcome: "failed", mac: "m3" }),
      entry({ device: "cam-2", mac: "m4" }),
      entry({ outcome: "flashed", device: "cam-2", mac: "m4", configDigest: "c", artifactDigest: "a" }),
    ]);
    expect(boards.get("cam-1")).toMatchObject({ holder: "m1", configDigest: undefined });
    expect(boards.get("cam-2")).toMatchObject({
      holder: "m4",
      configDigest: "c",
      artifactDigest: "a",
      flashedBy: "ann",
    });
    expect(boards.size).toBe(2);
  });

  it("holds nothing that is known once it is begun anew, and is what it was where nothing had to be written", () => {
    const flashed = entry({
      outcome: "flashed",
      device: "cam-1",
      mac: "m1",
      configDigest: "c",
      artifactDigest: "a",
    });
    const held = (...more: Partial<ResultEntry>[]) =>
      boardsOf([flashed, ...more.map((each) => entry({ device: "cam-1", mac: "m1", ...each }))]).get("cam-1");
    expect(held({ outcome: "unchanged" })).toMatchObject({ configDigest: "c", flashedBy: "ann" });
    expect(held({ outcome: "claimed" })).toMatchObject({
      holder: "m1",
      configDigest: undefined,
      artifactDigest: undefined,
      flashedAt: undefined,
    });
    expect(held({ outcome: "claimed" }, { outcome: "failed" })?.flashedAt).toBeUndefined();
  });

  it("is one for each board: what the station asks is up to date", async () => {
    const source = new BundleSource(BUNDLE, "/no/such/log");
    await source.claim("cam-1", "m1");
    expect(await source.deviceOf("m1")).toMatchObject({ device: "cam-1", flashedAt: undefined });
    await source.record("cam-1", "m1", { config: { digest: "c" }, artifactDigest: "a", flashedBy: "ann" });
    expect(await source.claim("cam-1", "m1")).toMatchObject({ configDigest: "c", artifactDigest: "a" });
    await source.startWriting("cam-1", "m1");
    expect(await source.claim("cam-1", "m1")).toMatchObject({ holder: "m1", configDigest: undefined });
    expect(await source.deviceOf("m2")).toBeUndefined();
  });

  it("is refused to a second board, with both named", async () => {
    const source = new BundleSource(BUNDLE, "/no/such/log");
    await source.claim("cam-1", "m1");
    await source.claim("cam-1", "m1");
    await expect(source.claim("cam-1", "m2")).rejects.toThrow("cam-1 is the board m1; this board is m2.");
    await expect(source.config("cam-9")).rejects.toThrow('has no device "cam-9"');
  });
});
