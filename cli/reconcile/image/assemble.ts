// Lays out what the reconciler's image is made of: project, packages, Node, pulumi and its plugins. Reads the project;
// writes the folder that it is given.
import { chmod, copyFile, cp, mkdir, readdir, realpath, stat, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { VisibleError } from "../../../model/visible-error.ts";
import { type PreparedTools, prepareTools } from "../../../toolchain/prepared-tools.ts";
import { neededPackages, projectFiles } from "./project-files.ts";

/** Where the image has the project. */
const PROJECT = "/project";

export interface AssembleOptions {
  project: string;
  tools: PreparedTools;
  onLine?: (line: string) => void;
}

/** Leaves `Containerfile` and `context/` in the folder. */
export async function assembleReconciler(folder: string, options: AssembleOptions): Promise<void> {
  const { project, tools, onLine } = options;
  const program = await edgeflockIn(project);
  const context = join(folder, "context");
  for (const part of ["bin", "tools", "project"]) await mkdir(join(context, part), { recursive: true });
  await copyFile(fileURLToPath(new URL("Containerfile", import.meta.url)), join(folder, "Containerfile"));
  onLine?.("copying the project and its packages");
  await copyProject(project, join(context, "project"));
  onLine?.("copying pulumi and its plugins");
  await prepareTools(join(context, "tools"), tools);
  await copyFile(process.execPath, join(context, "bin", "node"));
  const launcher = `#!/bin/sh\nexec /usr/local/bin/node '${PROJECT}/${program}' "$@"\n`;
  await writeFile(join(context, "bin", "edgeflock"), launcher, { mode: 0o755 });
  await letEverybodyRead(context);
}

/** Path of the program `edgeflock` below the project's folder. */
async function edgeflockIn(project: string): Promise<string> {
  const hint = `run "npm install edgeflock" in ${project}; a link to a checkout is not enough, "npm pack" makes a package of one`;
  const resolve = createRequire(join(project, "package.json")).resolve;
  let found: string;
  try {
    found = await realpath(resolve("edgeflock/package.json"));
  } catch {
    throw new VisibleError("The project has no package edgeflock, which its image is to run.", { hint });
  }
  const path = relative(await realpath(project), join(dirname(found), "bin", "edgeflock.mjs"));
  const where = path.split(sep).join("/");
  if (where.startsWith("../")) {
    throw new VisibleError(`The project's package edgeflock lies outside of it, in ${dirname(found)}.`, {
      hint,
    });
  }
  if (!(await neededPackages(project))(dirname(dirname(where)))) {
    throw new VisibleError("The package edgeflock is among the project's devDependencies.", {
      hint: "move it to the dependencies in package.json and run npm install: only those go into the image",
    });
  }
  return where;
}

async function copyProject(project: string, target: string): Promise<void> {
  for (const { path, link } of await projectFiles(project)) {
    await mkdir(dirname(join(target, path)), { recursive: true });
    if (link === undefined) await copyFile(join(project, path), join(target, path));
    else await symlink(link, join(target, path));
  }
  // where the Deployment mounts what may be written
  await mkdir(join(target, ".edgeflock"), { recursive: true });
  const packages = join(project, "node_modules");
  if (!(await stat(packages).catch(() => undefined))) return;
  const needed = await neededPackages(project);
  await cp(packages, join(target, "node_modules"), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => needed(relative(project, path).split(sep).join("/")),
  });
}

/** The image runs as nobody in particular, and what is private here is private to whoever makes the image. */
async function letEverybodyRead(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await letEverybodyRead(path);
    else if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o111) !== 0 ? 0o755 : 0o644);
  }
}
