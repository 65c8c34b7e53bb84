// Artefacts by content hash, in the cache folder: what was built once is not built again, by any stack of this
// user. What was built with a secret is encrypted, and found by nobody else, as the fingerprints of its secrets are
// part of its hash. Reads and writes the cache folder.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../toolchain/cache-folder.ts";
import { type ArtifactIdentity, decryptArtifact, encryptArtifact } from "./artifact-cipher.ts";
import { gunzipArchive, gzipArchive, writeFileAtomically } from "./artifact-files.ts";
import type { BuildRecord } from "./build-record.ts";

/** A result that was found, and what is known of its build. */
export interface FoundBuild {
  archive: Uint8Array;
  record: BuildRecord;
}

const root = (): string => join(cacheFolder(), "firmware");

/** File that stands for a content hash; also what builds of that hash lock. */
export function cacheKeyFile(contentHash: string): string {
  return join(root(), "by-hash", contentHash);
}

/**
 * What was built for this hash; what is damaged is removed and does not count.
 * @param identity of the stack, where the build reads secrets
 */
export async function readCache(
  contentHash: string,
  identity?: ArtifactIdentity,
): Promise<FoundBuild | undefined> {
  const text = await readFile(cacheKeyFile(contentHash), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const record = parseRecord(text, contentHash);
  const archive = record && (await readArchive(record, identity));
  if (record === undefined || archive === undefined) {
    await rm(cacheKeyFile(contentHash), { force: true });
    return undefined;
  }
  return { archive, record };
}

export async function writeCache(
  { archive, record }: FoundBuild,
  identity: ArtifactIdentity | undefined,
): Promise<void> {
  const compressed = await gzipArchive(archive);
  const bytes = identity === undefined ? compressed : await encryptArtifact(compressed, identity);
  // the archive first: a hash never stands for something that is not there
  await writeFileAtomically(archiveFile(record), bytes);
  await writeFileAtomically(cacheKeyFile(record.contentHash), JSON.stringify(record));
}

/** The record, if the text is one of that build. */
export function parseRecord(text: string, contentHash?: string): BuildRecord | undefined {
  try {
    const record = JSON.parse(text) as BuildRecord;
    const fits = contentHash === undefined || record.contentHash === contentHash;
    return fits && /^sha256:[0-9a-f]{64}$/.test(record.digest) ? record : undefined;
  } catch {
    return undefined;
  }
}

async function readArchive(
  record: BuildRecord,
  identity: ArtifactIdentity | undefined,
): Promise<Uint8Array | undefined> {
  const bytes = await readFile(archiveFile(record)).catch(() => undefined);
  if (bytes === undefined || (record.secretBearing === true) !== (identity !== undefined)) return undefined;
  const compressed = identity === undefined ? bytes : await decryptArtifact(bytes, identity);
  return compressed && (await gunzipArchive(compressed, record.digest));
}

/** Two stacks may build the same bytes with a secret: each has its own file, as each has its own key. */
function archiveFile({ digest, secretBearing, contentHash }: BuildRecord): string {
  const name = digest.replace(":", "-");
  return secretBearing
    ? join(root(), "private", `${name}.${contentHash.slice(0, 16)}.tar.gz.age`)
    : join(root(), "by-digest", `${name}.tar.gz`);
}
