// Artefacts in a folder: one gzipped tar each, named after its digest, and a folder of marks saying who uses it.
// What was built with a secret is encrypted, a file for each user. Reads and writes that folder.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { type FoundBuild, parseRecord } from "../artifact-cache.ts";
import type { ArtifactIdentity } from "../artifact-cipher.ts";
import { gunzipArchive, openSealed, sealArchive, writeFileAtomically } from "../artifact-files.ts";
import type { BuildRecord } from "../build-record.ts";
import type {
  ArtifactReference,
  ArtifactStore,
  FirmwareArtifact,
  StoredArtifact,
  StoredReference,
} from "../contract.ts";
import { withLock } from "../file-lock.ts";
import { markText, parseMark, type StoreUser, userKey } from "./user-mark.ts";

export interface DirectoryStoreOptions extends StoreUser {
  folder: string;
  /** Decrypts and encrypts what was built with a secret. */
  identity?: ArtifactIdentity | undefined;
  /** Secret that whoever flashes reads. */
  access?: string | undefined;
}

const FILE = /^sha256-([0-9a-f]{64})(?:\.([0-9a-f]{16}))?\.tar\.gz(\.age)?$/;

export class DirectoryStore implements ArtifactStore {
  readonly #folder: string;
  readonly #options: DirectoryStoreOptions;

  constructor(options: DirectoryStoreOptions) {
    this.#folder = resolve(options.folder);
    this.#options = options;
  }

  async put(
    artifact: FirmwareArtifact,
    archive: Uint8Array,
    record?: BuildRecord,
  ): Promise<ArtifactReference> {
    const { identity, access } = this.#options;
    const secret = artifact.secretBearing === true;
    const path = this.#file(artifact);
    const reference: ArtifactReference = {
      ...artifact,
      store: { kind: "directory", path, ...(secret && { encrypted: "age", ...(access && { access }) }) },
    };
    await withLock(path, {}, async () => {
      if ((await this.read(reference)) === undefined) {
        await writeFileAtomically(path, await sealArchive(archive, secret, identity));
      }
      await mkdir(usersOf(path), { recursive: true });
      await writeFile(this.#mark(path), markText(this.#options, record));
    });
    if (record && !secret) await writeFileAtomically(this.#build(record.contentHash), JSON.stringify(record));
    return reference;
  }

  async read(reference: StoredReference): Promise<Uint8Array | undefined> {
    const bytes = await readIfThere(pathOf(reference));
    const secret = reference.secretBearing === true;
    return bytes && (await openSealed(bytes, reference.digest, secret, this.#options.identity));
  }

  async delete(reference: StoredReference): Promise<void> {
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
    await this.#removeBuilds();
  }

  async keepOnly(reference: StoredReference): Promise<void> {
    for (const { digest, path, secret } of await this.#artifacts()) {
      if (path === pathOf(reference) || !existsSync(this.#mark(path))) continue;
      await this.delete(located(digest, path, secret));
    }
  }

  async findBuild(contentHash: string): Promise<FoundBuild | undefined> {
    const text = await readIfThere(this.#build(contentHash));
    const record = text && parseRecord(text.toString("utf8"), contentHash);
    if (!record || record.secretBearing) return undefined;
    const bytes = await readIfThere(this.#file(record));
    const archive = bytes && (await gunzipArchive(bytes, record.digest));
    return archive && { archive, record };
  }

  async list(): Promise<StoredArtifact[]> {
    const all: StoredArtifact[] = [];
    for (const { digest, path, secret } of await this.#artifacts()) {
      const reference = located(digest, path, secret);
      const marks = await readdir(usersOf(path)).catch(() => []);
      if (marks.length === 0) all.push({ digest, where: path, reference });
      for (const name of marks.filter((one) => !one.includes("."))) {
        const text = await readIfThere(join(usersOf(path), name));
        if (text) all.push({ digest, where: path, reference, ...parseMark(text.toString("utf8")) });
      }
    }
    return all;
  }

  async #artifacts(): Promise<{ digest: string; path: string; secret: boolean }[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    return names.flatMap((name) => {
      const match = FILE.exec(name);
      if (!match) return [];
      return [
        { digest: `sha256:${match[1]}`, path: join(this.#folder, name), secret: match[3] !== undefined },
      ];
    });
  }

  /** Notes of builds whose result is no longer here. */
  async #removeBuilds(): Promise<void> {
    const folder = join(this.#folder, "builds");
    for (const name of await readdir(folder).catch(() => [])) {
      const record = parseRecord((await readIfThere(join(folder, name)))?.toString("utf8") ?? "");
      if (record && existsSync(this.#file(record))) continue;
      await rm(join(folder, name), { force: true });
    }
    await rmdir(folder).catch(() => {});
  }

  #build(contentHash: string): string {
    return join(this.#folder, "builds", `${contentHash}.json`);
  }

  #file({ digest, secretBearing }: { digest: string; secretBearing?: true }): string {
    const name = digest.replace(":", "-");
    return join(
      this.#folder,
      secretBearing ? `${name}.${userKey(this.#options.user)}.tar.gz.age` : `${name}.tar.gz`,
    );
  }

  #mark(path: string): string {
    return join(usersOf(path), userKey(this.#options.user));
  }
}

function located(digest: string, path: string, secret: boolean): StoredReference {
  return {
    digest,
    ...(secret && { secretBearing: true as const }),
    store: { kind: "directory", path, ...(secret && { encrypted: "age" as const }) },
  };
}

function usersOf(path: string): string {
  return join(path, "..", basename(path).replace(/\.tar\.gz(\.age)?$/, ".users"));
}

function pathOf(reference: StoredReference): string {
  if (reference.store.kind !== "directory")
    throw new Error(`a folder does not keep ${reference.store.kind} artefacts`);
  return reference.store.path;
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  return await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
