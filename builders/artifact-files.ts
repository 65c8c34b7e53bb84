// Archives as files: written atomically, gzipped, verified when read. Reads and writes files.
import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { VisibleError } from "../model/visible-error.ts";
import { digestOf, unpackArchive } from "./artifact-archive.ts";
import { type ArtifactIdentity, decryptArtifact, encryptArtifact } from "./artifact-cipher.ts";

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** Larger than any flash: what unpacks to more is no artefact. */
const LARGEST_ARCHIVE = 256 * 1024 * 1024;

export async function gzipArchive(archive: Uint8Array): Promise<Buffer> {
  return await compress(archive, { level: 9 });
}

/** @returns the archive, or undefined when the bytes are not the gzipped archive of that digest */
export async function gunzipArchive(bytes: Uint8Array, digest: string): Promise<Uint8Array | undefined> {
  const archive = await decompress(bytes, { maxOutputLength: LARGEST_ARCHIVE }).catch(() => undefined);
  return archive !== undefined && digestOf(archive) === digest ? archive : undefined;
}

/**
 * What is kept of an archive: gzipped, and encrypted where it holds a secret.
 * @param identity of the stack; needed for firmware that was built with a secret
 */
export async function sealArchive(
  archive: Uint8Array,
  secretBearing: boolean,
  identity: ArtifactIdentity | undefined,
): Promise<Uint8Array> {
  const compressed = await gzipArchive(archive);
  if (!secretBearing) return compressed;
  if (identity === undefined) throw new Error("firmware with secrets is kept encrypted, and there is no key");
  return await encryptArtifact(compressed, identity);
}

/** @returns undefined where the bytes are not what was sealed: damaged, another artefact, another stack's */
export async function openSealed(
  bytes: Uint8Array,
  digest: string,
  secretBearing: boolean,
  identity: ArtifactIdentity | undefined,
): Promise<Uint8Array | undefined> {
  if (!secretBearing) return await gunzipArchive(bytes, digest);
  const compressed = identity === undefined ? undefined : await decryptArtifact(bytes, identity);
  return compressed && (await gunzipArchive(compressed, digest));
}

/** Nobody ever sees half of the file; after a power cut there is all of it or none. */
export async function writeFileAtomically(path: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.partial`;
  try {
    const file = await open(partial, "wx", 0o644);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Writes the files of an archive to a folder, which need not exist. */
export async function writeArchiveFiles(archive: Uint8Array, folder: string): Promise<void> {
  for (const [path, bytes] of unpackArchive(archive, "the artefact")) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}

export function damaged(digest: string, where: string): VisibleError {
  return new VisibleError(`the firmware artefact ${digest.slice(0, 19)} is missing or damaged in ${where}`, {
    hint: '"pulumi up" stores it again',
  });
}
