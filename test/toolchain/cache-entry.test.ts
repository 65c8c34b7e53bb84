import { existsSync, readdirSync, readFileSync } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { VisibleError } from "../../model/visible-error.ts";
import { cacheEntry, contentKey } from "../../toolchain/cache-entry.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const SCRIPT = fileURLToPath(new URL("fill-cache-entry.ts", import.meta.url));

function filler(root: string, milliseconds: number) {
  return execa(process.execPath, [SCRIPT, root, join(root, "log"), String(milliseconds)], { reject: false });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

describe("an entry of the cache", () => {
  it("is filled once by two processes at once; the second says that it waits", async () => {
    const root = temporaryFolder();
    const first = filler(root, 700);
    await until(() => existsSync(join(root, "log")));
    const second = filler(root, 700);
    const [one, two] = await Promise.all([first, second]);
    expect([one.stdout, two.stdout]).toEqual([join(root, "tools/one"), join(root, "tools/one")]);
    expect(readFileSync(join(root, "log"), "utf8").match(/fill/g)).toHaveLength(1);
    expect(two.stderr).toContain("Another process is getting the one tool ready; waiting for it.");
    expect(readdirSync(join(root, "tools"))).toEqual(["one"]);
  });

  it("is taken over from a process that was killed, whose half-filled folder goes away", async () => {
    const root = temporaryFolder();
    const killed = filler(root, 60_000);
    await until(() => existsSync(join(root, "log")) && partials(root).length === 1);
    killed.kill("SIGKILL");
    await killed;
    expect(existsSync(join(root, "tools/one"))).toBe(false);
    expect(partials(root)).toHaveLength(1);
    const next = await filler(root, 0);
    expect(next.exitCode).toBe(0);
    expect(readdirSync(join(root, "tools/one")).sort()).toEqual(["first", "second"]);
    expect(readdirSync(join(root, "tools"))).toEqual(["one"]);
  }, 60_000);

  it("does not exist after filling it failed, and the next try fills it", async () => {
    const root = temporaryFolder();
    const options = { what: "it", root };
    const failing = cacheEntry("a/b", () => Promise.reject(new Error("cut")), options);
    await expect(failing).rejects.toThrow("cut");
    expect(readdirSync(join(root, "a"))).toEqual([]);
    const folder = await cacheEntry("a/b", (partial) => writeFile(join(partial, "x"), "1"), options);
    expect(readFileSync(join(folder, "x"), "utf8")).toBe("1");
  });

  it("explains a full disk in a sentence, with the way out", async () => {
    const fill = async () => {
      const full = await open("/dev/full", "w");
      await full.writeFile("x").finally(() => full.close());
    };
    const failing = cacheEntry("a/b", fill, { what: "it", root: temporaryFolder() });
    const error = await failing.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(VisibleError);
    expect((error as VisibleError).message).toMatch(/no space left \(\d+ MB free\)/);
    expect((error as VisibleError).hint).toContain("EDGEFLOCK_CACHE");
  });

  it("explains a cache folder that cannot be made", async () => {
    const file = join(temporaryFolder(), "file");
    await writeFile(file, "");
    const failing = cacheEntry("a/b", () => Promise.resolve(), { what: "it", root: file });
    await expect(failing).rejects.toThrow(/cache folder .* cannot be written/);
  });

  it("is named by everything that goes into it, and not by how that is cut up", () => {
    expect(contentKey("ab", "c")).not.toBe(contentKey("a", "bc"));
    expect(contentKey("ab", "c")).toBe(contentKey("ab", "c"));
  });
});

function partials(root: string): string[] {
  const tools = join(root, "tools");
  return existsSync(tools) ? readdirSync(tools).filter((name) => name.includes(".partial-")) : [];
}
