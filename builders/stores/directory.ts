// Artefacts in a folder: one gzipped tar each, named after its digest, and a folder of marks saying who uses it.
// Reads and writes that folder.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, rmdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import {
  damaged,
  gzipArchive,
  readArchiveFile,
  writeArchiveFiles,
  writeFileAtomically,
} from "../artifact-files.ts";
import type { ArtifactReference, ArtifactStore, FirmwareArtifact } from "../contract.ts";
import { withLock } from "../file-lock.ts";

export interface DirectoryStoreOptions {
  folder: string;
  /** Who uses what this store puts: stack and class, say. */
  user: string;
}

export class DirectoryStore implements ArtifactStore {
  readonly #folder: string;
  readonly #user: string;

  constructor(options: DirectoryStoreOptions) {
    this.#folder = resolve(options.folder);
    this.#user = options.user;
  }

  async put(artifact: FirmwareArtifact, archive: Uint8Array): Promise<ArtifactReference> {
    if (artifact.secretBearing) {
      throw new VisibleError(
        "this firmware was built with secrets, and a folder would keep them in the clear",
        {
          hint: 'use the artefact store "cluster", which keeps such firmware in Kubernetes Secrets',
        },
      );
    }
    const path = this.#file(artifact.digest);
    await withLock(path, {}, async () => {
      await mkdir(usersOf(path), { recursive: true });
      await writeFile(this.#mark(path), `${this.#user}\n`);
      if ((await readArchiveFile(path, artifact.digest)) === undefined) {
        await writeFileAtomically(path, await gzipArchive(archive));
      }
    });
    return { ...artifact, store: { kind: "directory", path } };
  }

  async get(reference: ArtifactReference, folder: string): Promise<void> {
    const path = pathOf(reference);
    const archive = await readArchiveFile(path, reference.digest);
    if (archive === undefined) throw damaged(reference.digest, path);
    await writeArchiveFiles(archive, folder);
  }

  async has(reference: ArtifactReference): Promise<boolean> {
    return (await readArchiveFile(pathOf(reference), reference.digest)) !== undefined;
  }

  async delete(reference: ArtifactReference): Promise<void> {
    const path = pathOf(reference);
    await withLock(path, {}, async () => {
      await rm(this.#mark(path), { force: true });
      // a folder that still has somebody's mark in it cannot be removed, and neither may the artefact be
      const last = await rmdir(usersOf(path)).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "ENOTEMPTY" || error.code === "EEXIST") return false;
          if (error.code === "ENOENT") return true;
          throw error;
        },
      );
      if (last) await rm(path, { force: true });
    });
  }

  async keepOnly(reference: ArtifactReference): Promise<void> {
    const folders = (await readdir(this.#folder)).filter((name) => name.endsWith(".users"));
    for (const name of folders) {
      const path = join(this.#folder, name.replace(/\.users$/, ".tar.gz"));
      if (path === pathOf(reference) || !existsSync(this.#mark(path))) continue;
      await this.delete({ ...reference, store: { kind: "directory", path } });
    }
  }

  #file(digest: string): string {
    return join(this.#folder, `${digest.replace(":", "-")}.tar.gz`);
  }

  #mark(path: string): string {
    return join(usersOf(path), createHash("sha256").update(this.#user).digest("hex").slice(0, 16));
  }
}

function usersOf(path: string): string {
  return path.replace(/\.tar\.gz$/, ".users");
}

function pathOf(reference: ArtifactReference): string {
  if (reference.store.kind !== "directory")
    throw new Error(`a folder does not keep ${reference.store.kind} artefacts`);
  return reference.store.path;
}
