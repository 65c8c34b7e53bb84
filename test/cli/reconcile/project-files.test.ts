import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { neededPackages, projectFiles } from "../../../cli/reconcile/image/project-files.ts";

describe("what of a project goes into its image", () => {
  let project: string;
  beforeEach(async () => {
    project = await mkdtemp(join(tmpdir(), "edgeflock-files-"));
  });
  afterEach(() => rm(project, { recursive: true, force: true }));

  async function write(...paths: string[]): Promise<void> {
    for (const path of paths) {
      await mkdir(dirname(join(project, path)), { recursive: true });
      await writeFile(join(project, path), path);
    }
  }
  const git = (...words: string[]) => execFileSync("git", ["-C", project, ...words], { stdio: "ignore" });
  const paths = async () => (await projectFiles(project)).map(({ path }) => path).sort();

  it("is what git has and would take: what it ignores is somebody's own", async () => {
    await write(
      "index.ts",
      "gone.ts",
      ".env",
      "kube/config",
      "node_modules/a/index.js",
      "sub/node_modules/b.js",
    );
    await writeFile(join(project, ".gitignore"), ".env\nkube\n");
    git("init", "--quiet");
    git("add", "index.ts", "gone.ts", ".gitignore");
    await rm(join(project, "gone.ts"));
    await write("stacks/Pulumi.prod.yaml", "nested/main.c", "nested/.edgeflock/passphrase");
    execFileSync("git", ["init", "--quiet", join(project, "nested")], { stdio: "ignore" });
    await symlink("index.ts", join(project, "link.ts"));
    expect(await paths()).toEqual([
      ".gitignore",
      "index.ts",
      "link.ts",
      "nested/main.c",
      "stacks/Pulumi.prod.yaml",
    ]);
  });

  it("is everything but packages and state where the project is in no repository, or ignored as a whole", async () => {
    await write("index.ts", ".edgeflock/passphrase", "node_modules/a/index.js", "firmware/main.c");
    expect(await paths()).toEqual(["firmware/main.c", "index.ts"]);
    git("init", "--quiet");
    await writeFile(join(project, ".git", "info", "exclude"), "*\n");
    await mkdir(join(project, "inner"));
    await writeFile(join(project, "inner", "index.ts"), "");
    expect((await projectFiles(join(project, "inner"))).map(({ path }) => path)).toEqual(["index.ts"]);
  });

  it("is of packages what runs, without those for development", async () => {
    const packages = { "node_modules/vitest": { dev: true }, "node_modules/zod": {} };
    await mkdir(join(project, "node_modules"));
    await writeFile(join(project, "node_modules", ".package-lock.json"), JSON.stringify({ packages }));
    const needed = await neededPackages(project);
    const asked = ["vitest", "zod", "zod/index.d.ts", "zod/index.js.map", "zod/index.js", "zod/LICENSE"];
    expect(asked.filter((path) => needed(`node_modules/${path}`))).toEqual([
      "zod",
      "zod/index.js",
      "zod/LICENSE",
    ]);
  });
});
