import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readManifestFiles } from "../../model/read-manifest-files.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "edgeflock-manifests-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("reading a stack's folder", () => {
  it("takes *.yaml and *.yml in it, by name, and nothing else", () => {
    for (const name of ["b.yml", "a.yaml", "notes.md", ".hidden.yaml"])
      writeFileSync(join(folder, name), name);
    mkdirSync(join(folder, "c.yaml"));
    expect(readManifestFiles(folder)).toEqual([
      { path: join(folder, "a.yaml"), text: "a.yaml" },
      { path: join(folder, "b.yml"), text: "b.yml" },
    ]);
  });

  it("without manifests is refused: an update would remove the fleet", () => {
    expect(() => readManifestFiles(folder)).toThrow(/There are no manifests in/);
    expect(() => readManifestFiles(join(folder, "gone"))).toThrow(/it does not exist/);
  });

  it("names the place where a file is not UTF-8", () => {
    writeFileSync(join(folder, "a.yaml"), Buffer.from("a: 1\nb: caf\xe9\n", "latin1"));
    expect(() => readManifestFiles(folder)).toThrow(/a.yaml:2:7 is not UTF-8 text/);
  });
});
