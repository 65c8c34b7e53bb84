// Artefacts by content hash, in the cache folder: what was built once is not built again, by any stack of this
// user. Never holds what was built with a secret. Reads and writes the cache folder.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../toolchain/cache-folder.ts";
import { digestOf } from "./artifact-archive.ts";
import { gzipArchive, readArchiveFile, writeFileAtomically } from "./artifact-files.ts";

const root = (): string => join(cacheFolder(), "firmware");

/** File that stands for a content hash; also what builds of that hash lock. */
export function cacheKeyFile(contentHash: string): string {
  return join(root(), "by-hash", contentHash);
}

/** The archive that was built for this hash; what is damaged is removed and does not count. */
export async function readCache(contentHash: string): Promise<Uint8Array | undefined> {
  const digest = await readFile(cacheKeyFile(contentHash), "utf8").catch(() => "");
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined;
  const archive = await readArchiveFile(archiveFile(digest), digest);
  if (archive === undefined) await rm(cacheKeyFile(contentHash), { force: true });
  return archive;
}

export async function writeCache(contentHash: string, archive: Uint8Array): Promise<void> {
  const digest = digestOf(archive);
  // the archive first: a hash never stands for something that is not there
  await writeFileAtomically(archiveFile(digest), await gzipArchive(archive));
  await writeFileAtomically(cacheKeyFile(contentHash), digest);
}

function archiveFile(digest: string): string {
  return join(root(), "by-digest", `${digest.replace(":", "-")}.tar.gz`);
}
