import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { assembleReconciler } from "../../../cli/reconcile/image/assemble.ts";

describe("what the reconciler's image is made of", () => {
  let root: string;
  let project: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "edgeflock-assemble-"));
    project = join(root, "project");
    await mkdir(project);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function write(files: Record<string, string>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(project, path)), { recursive: true });
      await writeFile(join(project, path), text, { mode: 0o600 });
    }
  }

  async function assemble(): Promise<string> {
    const pulumi = join(root, "pulumi");
    await writeFile(pulumi, "");
    const tool = { name: "pulumi", path: pulumi, version: "3.0.0", source: "download" } as const;
    const out = join(root, "out");
    await mkdir(out);
    await assembleReconciler(out, { project, tools: { tools: [tool], plugins: [] } });
    return join(out, "context");
  }

  const EDGEFLOCK = { "node_modules/edgeflock/package.json": '{ "name": "edgeflock" }' };

  it("is the project and its program, for everybody to read, without what is its owner's alone", async () => {
    await write({
      ...EDGEFLOCK,
      "node_modules/edgeflock/bin/edgeflock.mjs": "",
      "stacks/Pulumi.prod.yaml": "{}",
      "firmware/build.sh": "#!/bin/sh\n",
      ".edgeflock/passphrase": "secret",
      ".env": "secret",
      ".gitignore": ".env\nnode_modules\n",
    });
    await chmod(join(project, "firmware/build.sh"), 0o700);
    execFileSync("git", ["init", "--quiet", project]);
    const context = await assemble();
    const paths = (await readdir(join(context, "project"), { recursive: true })).sort();
    expect(paths.filter((path) => !path.startsWith("node_modules"))).toEqual([
      ".edgeflock",
      ".gitignore",
      "firmware",
      "firmware/build.sh",
      "stacks",
      "stacks/Pulumi.prod.yaml",
    ]);
    expect(paths).toContain("node_modules/edgeflock/package.json");
    const modeOf = async (path: string) => ((await stat(join(context, path))).mode & 0o777).toString(8);
    expect(await modeOf("project/stacks/Pulumi.prod.yaml")).toBe("644");
    expect(await modeOf("project/firmware/build.sh")).toBe("755");
    expect((await readdir(join(context, "bin"))).sort()).toEqual(["edgeflock", "node"]);
    expect(await readFile(join(context, "bin", "edgeflock"), "utf8")).toContain(
      "'/project/node_modules/edgeflock/bin/edgeflock.mjs'",
    );
    expect((await readdir(join(context, "tools"))).sort()).toEqual(["pulumi", "tools.json"]);
  });

  it("is refused where the project cannot run Edgeflock from its own packages", async () => {
    await expect(assemble()).rejects.toThrow("The project has no package edgeflock");
    const packages = { "node_modules/edgeflock": { dev: true } };
    await write({ ...EDGEFLOCK, "node_modules/.package-lock.json": JSON.stringify({ packages }) });
    await rm(join(root, "out"), { recursive: true });
    await expect(assemble()).rejects.toThrow("among the project's devDependencies");
  });
});
