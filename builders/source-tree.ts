// A folder of sources: what belongs to it, its hash, and a copy of it. Reads the folder, writes the copy.
import { createHash } from "node:crypto";
import {
  chmod,
  constants,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  symlink,
} from "node:fs/promises";
import { dirname, join, posix, sep } from "node:path";
import { VisibleError } from "../model/visible-error.ts";

/** What version control and we keep beside sources. */
const IGNORED = new Set([".git", ".hg", ".svn", ".jj", ".bzr", "CVS", ".edgeflock", ".DS_Store"]);

export interface SourceEntry {
  /** Relative, with "/". */
  path: string;
  executable: boolean;
  /** Target of a symbolic link. */
  link?: string;
}

/**
 * Everything in the folder, sorted by path; folders themselves are left out.
 * @param omitted names of files and folders that are no part of it, wherever they are
 * @throws VisibleError for links that lead out of the folder and for what is neither file nor folder
 */
export async function listSourceTree(
  folder: string,
  omitted: readonly string[] = [],
): Promise<SourceEntry[]> {
  const info = await lstat(folder).catch(() => undefined);
  if (!info?.isDirectory()) {
    throw new VisibleError(`the source folder ${folder} ${info ? "is not a folder" : "does not exist"}`);
  }
  const entries: SourceEntry[] = [];
  await walk(folder, "", entries, new Set([...IGNORED, ...omitted]));
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function walk(
  root: string,
  at: string,
  entries: SourceEntry[],
  omitted: ReadonlySet<string>,
): Promise<void> {
  for (const { name } of await readdir(join(root, at), { withFileTypes: true })) {
    if (omitted.has(name)) continue;
    const path = posix.join(at, name);
    const entry = await sourceEntry(root, path);
    if (entry) entries.push(entry);
    else await walk(root, path, entries, omitted);
  }
}

/**
 * @param path relative, with "/"
 * @returns undefined for a folder
 * @throws VisibleError for a link that leads out of the root, and for what is neither file nor folder
 */
export async function sourceEntry(root: string, path: string): Promise<SourceEntry | undefined> {
  const info = await lstat(join(root, path));
  if (info.isDirectory()) return undefined;
  // of the mode only this bit means the same on every machine, as git holds too
  if (info.isFile()) return { path, executable: (info.mode & 0o111) !== 0 };
  if (!info.isSymbolicLink()) {
    throw new VisibleError(`${join(root, path)} is neither a file nor a folder nor a link`);
  }
  const link = (await readlink(join(root, path))).split(sep).join("/");
  const target = posix.normalize(posix.join(posix.dirname(path), link));
  if (posix.isAbsolute(link) || target === ".." || target.startsWith("../")) {
    throw new VisibleError(`${join(root, path)} is a link that leads out of the source folder`);
  }
  return { path, executable: false, link };
}

/** SHA-256 over paths, executable bits, links and contents, in hexadecimal digits. */
export async function hashSourceTree(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const { path, executable, link } of await listSourceTree(folder)) {
    const content = link === undefined ? await readFile(join(folder, path)) : Buffer.from(link);
    const kind = link === undefined ? (executable ? "program" : "file") : "link";
    hash.update(`${kind} ${Buffer.byteLength(path)}:${path} ${content.length}:`);
    hash.update(content);
  }
  return hash.digest("hex");
}

/** Copies the tree, and takes away every right to write to the copy. */
export async function copySourceTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const folders = new Set<string>([to]);
  for (const { path, executable, link } of await listSourceTree(from)) {
    const target = join(to, path);
    await mkdir(dirname(target), { recursive: true });
    for (let folder = dirname(target); folder !== to; folder = dirname(folder)) folders.add(folder);
    if (link !== undefined) await symlink(link, target);
    else {
      await copyFile(join(from, path), target, constants.COPYFILE_FICLONE);
      await chmod(target, executable ? 0o555 : 0o444);
    }
  }
  for (const folder of folders) await chmod(folder, 0o555);
}
