import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { changedParts, explainContentHash, firmwareContentHash } from "../../builders/content-hash.ts";
import type { BuildPlan, FirmwareRequest } from "../../builders/contract.ts";
import { request, temporaryCache, writeFiles } from "./support.ts";

const place = temporaryCache();
const KEY = "key of the fleet";

const plan = (changes: Partial<BuildPlan> = {}): BuildPlan => ({
  identity: { builder: "command 1234", toolchain: "g++ 12" },
  args: { board: "esp32-cam" },
  run: { kind: "in-process", build: async () => {} },
  ...changes,
});
const asked = (changes: Partial<FirmwareRequest> = {}): FirmwareRequest => ({
  ...request(place.folder, { name: "command" }),
  settings: { interval: 60 },
  secrets: { "ota.token": "hunter2" },
  ...changes,
});

describe("the content hash of a build", () => {
  it("says which of its parts changed", async () => {
    const source = await writeFiles(join(place.folder, "src"), { "main.c": "1" });
    const before = await explainContentHash(plan({ source }), asked(), KEY);
    const differences = async (otherPlan: BuildPlan, otherRequest = asked()) =>
      changedParts(before, await explainContentHash(otherPlan, otherRequest, KEY));
    expect(await differences(plan({ source }))).toEqual([]);
    expect(await differences(plan({ source, args: { board: "esp32dev", x: 1 } }))).toEqual([
      "args.board",
      "args.x",
    ]);
    expect(
      await differences(plan({ source, identity: { builder: "command 1234", toolchain: "g++ 13" } })),
    ).toEqual(["toolchain"]);
    expect(await differences(plan({ source }), asked({ chip: "esp32c3", flashSize: "8MB" }))).toEqual([
      "chip",
      "flashSize",
    ]);
    expect(await differences(plan({ source }), asked({ settings: { interval: 61 } }))).toEqual([
      "settings.interval",
    ]);
    expect(await differences(plan({ source }), asked({ secrets: { "ota.token": "hunter3" } }))).toEqual([
      "secrets.ota.token",
    ]);
    expect(await differences(plan({ source }), asked({ config: { label: "cfg", size: 0x8000 } }))).toEqual([
      "config partition",
    ]);
    await writeFiles(source, { "main.c": "2" });
    expect(await differences(plan({ source }))).toEqual(["source"]);
  });

  it("is another for every change, and the same whatever the order of keys", async () => {
    const hash = async (args: BuildPlan["args"]) =>
      (await firmwareContentHash(plan({ args }), asked(), KEY)).hash;
    expect(await hash({ a: { x: 1, y: 2 }, b: 1 })).toBe(await hash({ b: 1, a: { y: 2, x: 1 } }));
    const all = [{ a: 1 }, { a: "1" }, { a: [1] }, { a: null }, { a: 1, b: 1 }, { a1: 1 }, {}];
    expect(new Set(await Promise.all(all.map(hash))).size).toBe(all.length);
  });

  it("shows of secrets only fingerprints, which differ between fleets", async () => {
    const { hash, parts } = await firmwareContentHash(plan(), asked(), KEY);
    expect(JSON.stringify({ hash, parts })).not.toContain("hunter2");
    const other = await firmwareContentHash(plan(), asked(), "another fleet");
    expect(other.parts["secrets.ota.token"]).not.toBe(parts["secrets.ota.token"]);
    const swapped = await explainContentHash(plan(), asked({ secrets: { a: "hunter2", b: "hunter2" } }), KEY);
    expect(swapped["secrets.a"]).not.toBe(swapped["secrets.b"]);
  });
});
