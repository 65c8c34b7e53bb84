// Which files of a project go into the reconciler's image: what git would give to whoever clones it, changes included,
// so that what people keep to themselves (.env, kubeconfigs) stays there; and of node_modules what the program needs.
// Reads the project; starts git.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { listSourceTree, type SourceEntry, sourceEntry } from "../../../builders/source-tree.ts";
import { tryCommand } from "../../../toolchain/run-command.ts";

const PACKAGES = "node_modules";
/** With the passphrase and the state; also where nobody told git to ignore it. */
const STATE = ".edgeflock";

/** Everything but packages; of a project that is not in git, all. */
export async function projectFiles(project: string): Promise<SourceEntry[]> {
  const known = await filesOfGit(project);
  if (known === undefined) return listSourceTree(project, [PACKAGES]);
  const entries: SourceEntry[] = [];
  for (const path of known) {
    const entry = await sourceEntry(project, path);
    if (entry) entries.push(entry);
    // a repository within this one
    else
      for (const each of await listSourceTree(join(project, path), [PACKAGES]))
        entries.push(below(path, each));
  }
  return entries;
}

/** Undefined where the project is in no repository, or is ignored as a whole. */
async function filesOfGit(project: string): Promise<string[] | undefined> {
  const git = ["git", "-C", project];
  const ignored = await tryCommand([...git, "check-ignore", "--quiet", "."]);
  // 0: it is ignored; 128: there is no repository, or no git
  if (ignored.exitCode !== 1) return undefined;
  const listed = await tryCommand([...git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  if (listed.exitCode !== 0) return undefined;
  const paths = new Set(listed.stdout.split("\0").map((path) => path.replace(/\/$/, "")));
  return [...paths].filter(
    // what was deleted is listed until that is committed
    (path) => path !== "" && !isOmitted(path) && existsSync(join(project, path)),
  );
}

function isOmitted(path: string): boolean {
  return path.split("/").some((part) => part === PACKAGES || part === STATE);
}

function below(folder: string, entry: SourceEntry): SourceEntry {
  return { ...entry, path: posix.join(folder, entry.path) };
}

/** Of a package, what runs: no types and no source maps. */
const NOT_RUN = /\.(?:d\.[cm]?ts|[cm]?js\.map|ts\.map)$/;

/**
 * Whether a path below node_modules is needed, by npm's own record of what is there for development alone. Packages
 * that somebody else than npm laid out are needed all.
 *
 * @returns for a path relative to the project
 */
export async function neededPackages(project: string): Promise<(path: string) => boolean> {
  const development = new Set<string>();
  const record = join(project, PACKAGES, ".package-lock.json");
  if (existsSync(record)) {
    const { packages } = JSON.parse(await readFile(record, "utf8")) as {
      packages: Record<string, { dev?: boolean }>;
    };
    for (const [path, { dev }] of Object.entries(packages)) if (dev) development.add(path);
  }
  return (path) => !development.has(path) && !NOT_RUN.test(path);
}
