import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "tar";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { officialTool } from "../../toolchain/official-files.ts";
import type { Progress } from "../../toolchain/progress.ts";
import { ensureTool, ensureTools, findTool } from "../../toolchain/tools.ts";
import { publisher, type Reply, sha256 } from "./publisher.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Progress that a test can look at. */
function recorder(): Progress & { said: string[]; steps: string[] } {
  const said: string[] = [];
  const steps: string[] = [];
  return {
    said,
    steps,
    say: (line) => void said.push(line),
    step: (title, work) => {
      steps.push(title);
      return work({ note() {} });
    },
  };
}

let bin: string;

/** A program on the test's PATH. */
function onPath(name: string, script: string): string {
  const path = join(bin, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A Go that notes how it is called and "builds" programs which say their package. */
function goOnPath(build = "for p; do :; done"): void {
  onPath(
    "go",
    `if [ "$1" = env ]; then echo go1.26.9; exit; fi
echo "$@" >> ${bin}/go-calls
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; case $1 in */cmd/*|./etcd) list="$list $1";; esac; shift; done
${build}
for p in $list; do echo "$p" > "$out$(basename "$p")"; chmod +x "$out$(basename "$p")"; done`,
  );
}

beforeEach(() => {
  bin = temporaryFolder();
  vi.stubEnv("EDGEFLOCK_CACHE", temporaryFolder());
  vi.stubEnv("EDGEFLOCK_DOWNLOADS", "never");
  vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
});
afterEach(() => vi.unstubAllEnvs());

function useMirror(url: string): void {
  vi.stubEnv("EDGEFLOCK_DOWNLOADS", "auto");
  vi.stubEnv("EDGEFLOCK_DOWNLOAD_MIRROR", url);
}

/** The address of an official file below the mirror. */
const mirrored = (address: string) => `/${new URL(address).host}${new URL(address).pathname}`;

function served(name: string, body: Buffer, digest = sha256(body)): Record<string, Reply> {
  const official = officialTool(name)!;
  const file = new URL(official.url).pathname.split("/").at(-1);
  return {
    [mirrored(official.url)]: { body },
    [mirrored(official.checksums)]: { body: Buffer.from(`${digest}  ${file}\n`) },
  };
}

describe("a tool", () => {
  it("is taken from PATH in a fitting version", async () => {
    const path = onPath("etcd", "echo etcd Version: 3.6.2");
    expect(await findTool("etcd")).toEqual({ name: "etcd", path, version: "3.6.2", source: "path" });
  });

  it.each([
    ["etcd", "echo etcd Version: 3.4.23"],
    ["etcd", "exit 1"],
    ["kube-apiserver", "echo Kubernetes v1.35.9"],
    ["kubectl", `echo '{"clientVersion": {"gitVersion": "v1.36.1-dispatcher"}}'`],
    ["kubectl", `echo '{"clientVersion": {"gitVersion": "v1.34.0"}}'`],
    ["pulumi", "echo v3.254.9"],
    ["pulumi", "echo v4.0.0"],
  ] as const)("is passed over on PATH in another version (%s: %s)", async (name, script) => {
    onPath(name, script);
    if (name === "pulumi") onPath("pulumi-language-nodejs", "");
    expect(await findTool(name)).toBeUndefined();
  });

  it("pulumi fits only with its language host beside it", async () => {
    const path = onPath("pulumi", "echo v3.300.0");
    expect(await findTool("pulumi")).toBeUndefined();
    onPath("pulumi-language-nodejs", "");
    expect(await findTool("pulumi")).toEqual({ name: "pulumi", path, version: "3.300.0", source: "path" });
  });

  it("is downloaded where the publisher can be reached, once", async () => {
    const server = await publisher(served("kubectl", Buffer.from("#!/bin/sh\necho official\n")));
    useMirror(server.url);
    const tool = await ensureTool("kubectl");
    expect(tool.source).toBe("download");
    expect(readFileSync(tool.path, "utf8")).toContain("official");
    expect(await ensureTool("kubectl")).toEqual(tool);
    // is it there, its digest, itself
    expect(server.asked).toHaveLength(3);
  });

  it("is taken out of an archive, and nothing else with it", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "pulumi"));
    for (const name of ["pulumi", "pulumi-language-nodejs", "pulumi-language-java"]) {
      writeFileSync(join(folder, "pulumi", name), name);
    }
    await create({ file: join(folder, "a.tar.gz"), cwd: folder, gzip: true }, ["pulumi"]);
    const server = await publisher(served("pulumi", readFileSync(join(folder, "a.tar.gz"))));
    useMirror(server.url);
    const { path } = await ensureTool("pulumi");
    expect(readFileSync(path, "utf8")).toBe("pulumi");
    expect(existsSync(join(path, "../pulumi-language-nodejs"))).toBe(true);
    expect(existsSync(join(path, "../pulumi-language-java"))).toBe(false);
  });

  it("is built quietly where the download is refused", async () => {
    goOnPath();
    const progress = recorder();
    const tool = await ensureTool("kubectl", { progress });
    expect(tool.source).toBe("registry build");
    expect(progress.said).toEqual([]);
    expect(progress.steps).toEqual([expect.stringMatching(/^Building kubectl .* with Go 1\.26\.9$/)]);
  });

  it("is built, and that is said, where the download is not what was published", async () => {
    goOnPath();
    const server = await publisher(served("kubectl", Buffer.from("evil"), sha256(Buffer.from("good"))));
    useMirror(server.url);
    const progress = recorder();
    const tool = await ensureTool("kubectl", { progress });
    expect(tool.source).toBe("registry build");
    expect(readFileSync(tool.path, "utf8")).not.toContain("evil");
    expect(progress.said).toEqual([
      expect.stringMatching(/official kubectl is not used: kubectl has SHA-256/),
    ]);
  });

  it("comes out of one build with the others of its module", async () => {
    goOnPath();
    const tools = await ensureTools(["kubectl", "kube-apiserver", "etcd"]);
    expect(readFileSync(`${bin}/go-calls`, "utf8").trim().split("\n")).toHaveLength(1);
    expect(readFileSync(tools.etcd.path, "utf8").trim()).toBe("./etcd");
    expect((await findTool("kube-controller-manager"))?.source).toBe("registry build");
  });

  it("whose build fails shows the compiler's last lines and leaves nothing half-made", async () => {
    goOnPath("echo 'undefined: Frobnicate' >&2; exit 1");
    await expect(ensureTool("kubectl")).rejects.toThrow(/undefined: Frobnicate/);
    expect(await findTool("kubectl")).toBeUndefined();
  });

  it("whose build fills the disk says so", async () => {
    goOnPath("echo 'link: write: no space left on device' >&2; exit 1");
    await expect(ensureTool("kubectl")).rejects.toThrow(/cache folder .* has no space left/);
  });

  it("whose build is interrupted ends with the interruption", async () => {
    goOnPath("sleep 30");
    const stop = AbortSignal.timeout(300);
    await expect(ensureTool("kubectl", { signal: stop })).rejects.toThrow(/abort|timeout/i);
    expect(await findTool("kubectl")).toBeUndefined();
  });
});
