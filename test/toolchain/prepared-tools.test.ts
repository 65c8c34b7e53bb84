import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { prepareTools } from "../../toolchain/prepared-tools.ts";
import { choosePlugins, type PluginChoice } from "../../toolchain/pulumi-plugins.ts";
import { ensureTools, findTool, type Tool } from "../../toolchain/tools.ts";

describe("tools that were put together beforehand", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "edgeflock-tools-"));
    vi.stubEnv("EDGEFLOCK_TOOLS", folder);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  it("are the only ones: copied with what is official, stand-ins where Edgeflock itself is", async () => {
    const from = await mkdtemp(join(tmpdir(), "edgeflock-tools-"));
    for (const name of ["pulumi", "pulumi-language-nodejs", "pulumi-resource-random"]) {
      await writeFile(join(from, name), name);
    }
    const tool: Tool = { name: "pulumi", path: join(from, "pulumi"), version: "3.1.2", source: "download" };
    const plugin = (kind: PluginChoice["kind"], name: string, source: Tool["source"], path: string) => ({
      ...{ kind, name, version: "1.0.0", source, path },
    });
    const plugins = [
      plugin("language", "nodejs", "download", join(from, "pulumi-language-nodejs")),
      plugin("resource", "kubernetes", "stand-in", "/somewhere/else"),
    ];
    await prepareTools(folder, { tools: [tool], plugins });
    await rm(from, { recursive: true });

    const { pulumi } = await ensureTools(["pulumi"]);
    expect(pulumi).toEqual({ ...tool, path: join(folder, "pulumi") });
    expect(await readFile(pulumi.path, "utf8")).toBe("pulumi");
    const [language, kubernetes] = await choosePlugins(pulumi);
    expect(language).toMatchObject({ source: "download", path: join(folder, "pulumi-language-nodejs") });
    expect(kubernetes).toMatchObject({
      source: "stand-in",
      path: expect.stringMatching(/toolchain\/stand-ins\/bin\/pulumi-resource-kubernetes$/),
    });
    expect(await findTool("kubectl")).toBeUndefined();
    await expect(ensureTools(["pulumi", "kubectl"])).rejects.toThrow(/no kubectl among the tools in/);
  });

  it("have to be there where they are said to be", async () => {
    await expect(ensureTools(["pulumi"])).rejects.toThrow(/no list of tools can be read there/);
  });
});
