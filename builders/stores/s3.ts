// Artefacts in an S3 bucket, of AWS or of anything that speaks S3: each user has an object of its own, so that no two
// stacks ever have to agree who removes what. Talks to the S3 server.
//
//   <prefix>sha256-<digest>/<user>.tar.gz   the gzipped tar; .tar.gz.age where it was built with a secret
//   <prefix>sha256-<digest>/<user>.json     who uses it, and the record of its build
//   <prefix>builds/<content hash>.json      which digest a build led to, for builds without secrets
//   <prefix>uploads/<build>.tar.gz          what a build elsewhere sent, until it is looked at
import { type FoundBuild, parseRecord } from "../artifact-cache.ts";
import type { ArtifactIdentity } from "../artifact-cipher.ts";
import { gunzipArchive, openSealed, sealArchive } from "../artifact-files.ts";
import type { BuildRecord } from "../build-record.ts";
import type {
  ArtifactReference,
  ArtifactStore,
  FirmwareArtifact,
  StoredArtifact,
  StoredReference,
  StoreUpload,
} from "../contract.ts";
import { type S3Bucket, S3Client } from "./s3-client.ts";
import { markText, parseMark, type StoreUser, userKey } from "./user-mark.ts";

export interface S3StoreOptions extends StoreUser {
  bucket: S3Bucket;
  /** Put before every key; ends with "/" or is empty. */
  prefix: string;
  identity?: ArtifactIdentity | undefined;
  /** Secret that whoever flashes reads. */
  access?: string | undefined;
}

const KEY = /(?:^|\/)sha256-([0-9a-f]{64})\/([0-9a-f]{16})\.(tar\.gz|tar\.gz\.age|json)$/;

export class S3Store implements ArtifactStore {
  readonly #options: S3StoreOptions;
  readonly #client: S3Client;

  constructor(options: S3StoreOptions) {
    this.#options = options;
    this.#client = new S3Client(options.bucket);
  }

  async put(
    artifact: FirmwareArtifact,
    archive: Uint8Array,
    record?: BuildRecord,
  ): Promise<ArtifactReference> {
    const { bucket, identity, access } = this.#options;
    const secret = artifact.secretBearing === true;
    const base = this.#base(artifact.digest);
    const reference: ArtifactReference = {
      ...artifact,
      store: {
        kind: "s3",
        bucket: bucket.bucket,
        key: `${base}.${secret ? "tar.gz.age" : "tar.gz"}`,
        region: bucket.region,
        ...(bucket.endpoint !== undefined && { endpoint: bucket.endpoint }),
        ...(secret && { encrypted: "age" }),
        ...(access !== undefined && { access }),
      },
    };
    if ((await this.read(reference)) === undefined) {
      await this.#client.put(keyOf(reference), await sealArchive(archive, secret, identity));
    }
    await this.#client.put(`${base}.json`, markText(this.#options, record));
    if (record && !secret) await this.#client.put(this.#build(record.contentHash), JSON.stringify(record));
    return reference;
  }

  async read(reference: StoredReference): Promise<Uint8Array | undefined> {
    const bytes = await this.#client.get(keyOf(reference));
    const secret = reference.secretBearing === true;
    return bytes && (await openSealed(bytes, reference.digest, secret, this.#options.identity));
  }

  async delete(reference: StoredReference): Promise<void> {
    const archive = keyOf(reference);
    await this.#client.delete([archive, archive.replace(/\.tar\.gz(\.age)?$/, ".json")]);
    await this.#removeBuilds(reference.digest);
  }

  async keepOnly(reference: StoredReference): Promise<void> {
    const own = userKey(this.#options.user);
    const kept = keyOf(reference).replace(/\.tar\.gz(\.age)?$/, ".");
    const left = (await this.#keys()).filter((key) => KEY.exec(key)?.[2] === own && !key.startsWith(kept));
    await this.#client.delete(left);
  }

  async findBuild(contentHash: string): Promise<FoundBuild | undefined> {
    const text = await this.#client.get(this.#build(contentHash));
    const record = text && parseRecord(Buffer.from(text).toString("utf8"), contentHash);
    if (!record || record.secretBearing) return undefined;
    for (const key of await this.#client.list(this.#folder(record.digest))) {
      const bytes = key.endsWith(".tar.gz") ? await this.#client.get(key) : undefined;
      const archive = bytes && (await gunzipArchive(bytes, record.digest));
      if (archive) return { archive, record };
    }
    return undefined;
  }

  async list(): Promise<StoredArtifact[]> {
    const keys = await this.#keys();
    const there = new Set(keys);
    const all: StoredArtifact[] = [];
    for (const key of keys) {
      const match = KEY.exec(key);
      if (!match || match[3] === "json") continue;
      const digest = `sha256:${match[1]}`;
      const note = key.replace(/\.tar\.gz(\.age)?$/, ".json");
      const text = there.has(note) ? await this.#client.get(note) : undefined;
      all.push({
        digest,
        where: `s3://${this.#options.bucket.bucket}/${key}`,
        reference: this.#located(digest, key),
        ...(text && parseMark(Buffer.from(text).toString("utf8"))),
      });
    }
    return all;
  }

  async openUpload(name: string, seconds: number): Promise<StoreUpload> {
    const key = `${this.#options.prefix}uploads/${name}.tar.gz`;
    return {
      url: await this.#client.presignPut(key, seconds),
      read: () => this.#client.get(key),
      remove: () => this.#client.delete([key]),
    };
  }

  #located(digest: string, key: string): StoredReference {
    const { bucket, region, endpoint } = this.#options.bucket;
    const secret = key.endsWith(".age");
    return {
      digest,
      ...(secret && { secretBearing: true as const }),
      store: {
        kind: "s3",
        bucket,
        key,
        region,
        ...(endpoint !== undefined && { endpoint }),
        ...(secret && { encrypted: "age" as const }),
      },
    };
  }

  /** What a build led to is of no use when nobody has it any more. */
  async #removeBuilds(digest: string): Promise<void> {
    if ((await this.#client.list(this.#folder(digest))).length > 0) return;
    for (const key of await this.#client.list(`${this.#options.prefix}builds/`)) {
      const text = await this.#client.get(key);
      const record = text && parseRecord(Buffer.from(text).toString("utf8"));
      if (record && record.digest === digest) await this.#client.delete([key]);
    }
  }

  #keys(): Promise<string[]> {
    return this.#client.list(`${this.#options.prefix}sha256-`);
  }

  #folder(digest: string): string {
    return `${this.#options.prefix}${digest.replace(":", "-")}/`;
  }

  #base(digest: string): string {
    return `${this.#folder(digest)}${userKey(this.#options.user)}`;
  }

  #build(contentHash: string): string {
    return `${this.#options.prefix}builds/${contentHash}.json`;
  }
}

function keyOf(reference: StoredReference): string {
  if (reference.store.kind !== "s3") throw new Error(`S3 does not keep ${reference.store.kind} artefacts`);
  return reference.store.key;
}
