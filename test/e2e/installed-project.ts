// Edgeflock in somebody else's project: packed from this checkout, installed by npm.
import { cp, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { CHECKOUT } from "./test-project.ts";

/** Leaves package.json and node_modules in the folder. */
export async function installEdgeflock(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  await packInto(folder);
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"))!;
  const dependencies = { edgeflock: `file:./${tarball}` };
  const project = { name: "theirs", private: true, type: "module", dependencies };
  await writeFile(join(folder, "package.json"), JSON.stringify(project));
  await execa("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline"], { cwd: folder, env });
}

/** While it packs, npm has package.json name the compiled files: other tests run from the checkout meanwhile. */
async function packInto(folder: string): Promise<void> {
  const copy = await mkdtemp(join(tmpdir(), "edgeflock-pack-"));
  try {
    const left = new Set([".edgeflock", ".git", "dist", "node_modules"]);
    for (const name of (await readdir(CHECKOUT)).filter((each) => !left.has(each)))
      await cp(join(CHECKOUT, name), join(copy, name), { recursive: true });
    await symlink(join(CHECKOUT, "node_modules"), join(copy, "node_modules"));
    await execa("npm", ["pack", "--pack-destination", folder], { cwd: copy });
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
