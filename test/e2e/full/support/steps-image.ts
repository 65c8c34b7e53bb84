// Images of Edgeflock's own programs on a test's node: as `edgeflock builder-image` lays them out, on the libraries of
// this machine, so that no base has to be fetched. builder-images.test.ts makes real ones.
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { assembleContext, type ImageName } from "../../../../builders/images/image-context.ts";
import {
  type ImageFile,
  type ImageTarget,
  loadFiles,
} from "../../../../toolchain/embedded-kubernetes/node/images.ts";

/** The steps before and after a builder, with git. */
export function loadStepsImage(target: ImageTarget): Promise<string> {
  const git = execFileSync("git", ["--exec-path"], { encoding: "utf8" }).trim();
  return loadOwnImage(target, "job-steps", ["/usr/bin/git", join(git, "git"), join(git, "git-remote-http")]);
}

export async function loadOwnImage(
  target: ImageTarget,
  name: ImageName,
  programs: readonly string[] = [],
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "edgeflock-steps-"));
  try {
    await assembleContext(name, folder, {});
    const context = join(folder, "context", "edgeflock");
    const files = await filesBelow(context, "opt/edgeflock");
    const taken = new Map<string, string>(programs.map((path) => [path.slice(1), path]));
    for (const program of [...programs, join(context, "node")]) {
      for (const library of await librariesOf(program)) taken.set(library.slice(1), library);
    }
    for (const [path, from] of taken) files.push({ path, bytes: await readFile(await realpath(from)) });
    return await loadFiles(target, files, { entrypoint: ["/opt/edgeflock/node", "/opt/edgeflock/run.mjs"] });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function librariesOf(program: string): Promise<string[]> {
  const text = execFileSync("ldd", [program], { encoding: "utf8" });
  return [...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path!);
}

async function filesBelow(folder: string, as: string): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // tests, maps and types of packages are not needed
    if (!(await stat(path)).isFile() || /\.(map|d\.c?ts|md)$/.test(path)) continue;
    files.push({ path: join(as, relative(folder, path)), bytes: await readFile(path) });
  }
  return files;
}
