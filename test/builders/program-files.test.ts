// Every file that decides over what a builder makes counts in its fingerprint.
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { builderFingerprint } from "../../builders/content-hash.ts";
import { programFiles } from "../../builders/program-files.ts";
import { temporaryCache, writeFiles } from "./support.ts";

const BUILDERS = fileURLToPath(new URL("../../builders/", import.meta.url));
const moduleOf = (builder: string): string => pathToFileURL(join(BUILDERS, builder, "builder.ts")).href;

const place = temporaryCache();

describe("the program of a builder", () => {
  it.each(["native", "esp32", "esp-rs"])("has all that makes %s's partition table", async (builder) => {
    const names = (await programFiles(moduleOf(builder))).map((path) => relative(BUILDERS, path));
    for (const name of ["binary", "csv", "index", "ota-layout", "otadata", "partition-table"]) {
      expect(names).toContain(`partitions/${name}.ts`);
    }
    expect(names).toEqual(expect.arrayContaining(["flasher-args.ts", "flash-size.ts", "sbom.ts"]));
    expect(names).toEqual(expect.arrayContaining([`${builder}/build.ts`, `${builder}/builder.ts`]));
    expect(names.filter((name) => name.startsWith(".."))).toEqual([]);
    expect(names).not.toContain("contract.ts");
  });

  it("leaves a user's own program to its source: only the builder itself counts", async () => {
    const names = (await programFiles(moduleOf("command"))).map((path) => relative(BUILDERS, path));
    expect(names).toEqual(["command/builder.ts"]);
  });

  it("has the files that it is told of", async () => {
    const found = await programFiles(moduleOf("esp-rs"), ["bootloaders/Cargo.lock"]);
    expect(found).toContain(join(BUILDERS, "esp-rs", "bootloaders", "Cargo.lock"));
  });

  it("is another one when any of its files changes, compiled or not", async () => {
    const folder = await writeFiles(join(place.folder, "one"), { "builder.ts": "1", "build.ts": "2" });
    const module = pathToFileURL(join(folder, "builder.ts")).href;
    const before = await builderFingerprint(module);
    await writeFiles(folder, { "build.ts": "3" });
    expect(await builderFingerprint(module)).not.toBe(before);
    expect(await readFile(join(folder, "build.ts"), "utf8")).toBe("3");
  });
});
