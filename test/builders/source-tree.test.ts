import { chmod, mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hashSourceTree, listSourceTree } from "../../builders/source-tree.ts";
import { temporaryCache, writeFiles } from "./support.ts";

const place = temporaryCache();
const tree = (name: string, files: Record<string, string>) => writeFiles(join(place.folder, name), files);

describe("the hash of a source tree", () => {
  it("is the same for equal trees, whatever their place, times and version control", async () => {
    const a = await tree("a", { "b/c.txt": "1", "a.txt": "2" });
    const b = await tree("b", { "a.txt": "2", "b/c.txt": "1", ".git/HEAD": "x", "b/.svn/entries": "y" });
    await utimes(join(b, "a.txt"), 1, 1);
    await chmod(join(b, "a.txt"), 0o600);
    expect(await hashSourceTree(a)).toBe(await hashSourceTree(b));
  });

  it("changes with content, name, place and executable bit of any file, and with a link's target", async () => {
    const hashes = new Set<string>();
    const variant = async (
      name: string,
      files: Record<string, string>,
      change?: (folder: string) => Promise<void>,
    ) => {
      const folder = await tree(name, files);
      await change?.(folder);
      hashes.add(await hashSourceTree(folder));
    };
    await variant("1", { "a.txt": "12", "b.txt": "" });
    await variant("2", { "a.txt": "1", "b.txt": "2" });
    await variant("3", { "a.txt": "12", "c.txt": "" });
    await variant("4", { "a.txt": "12", "d/b.txt": "" });
    await variant("5", { "a.txt": "12", "b.txt": "" }, (folder) => chmod(join(folder, "a.txt"), 0o755));
    await variant("6", { "a.txt": "12", "b.txt": "" }, (folder) => symlink("a.txt", join(folder, "l")));
    await variant("7", { "a.txt": "12", "b.txt": "" }, (folder) => symlink("b.txt", join(folder, "l")));
    expect(hashes.size).toBe(7);
  });

  it("is in the order of code units, not of a locale", async () => {
    const folder = await tree("o", { B: "", a: "", ä: "", "a-b": "", "c/b": "" });
    expect((await listSourceTree(folder)).map(({ path }) => path)).toEqual(["B", "a", "a-b", "c/b", "ä"]);
  });

  it("is refused for a link that leads out of the folder", async () => {
    for (const target of ["/etc/passwd", "../other", "b/../../x"]) {
      const folder = join(place.folder, encodeURIComponent(target));
      await mkdir(folder);
      await writeFile(join(folder, "a"), "");
      await symlink(target, join(folder, "link"));
      await expect(hashSourceTree(folder)).rejects.toThrow("leads out of the source folder");
    }
  });

  it("is refused for a folder that is not there", async () => {
    await expect(hashSourceTree(join(place.folder, "gone"))).rejects.toThrow("does not exist");
  });
});
