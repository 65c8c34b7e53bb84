// Artefacts in an OCI registry: the gzipped tar and the record of its build are the layers of an OCI artefact. Each
// user has a manifest of its own, and the registry removes a blob that no manifest names. Talks to the registry.
// https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
//
//   sha256-<digest>.<user>   the manifest of a user
//   build-<content hash>     what a build without secrets led to
import { VisibleError } from "../../model/visible-error.ts";
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
} from "../contract.ts";
import { type Descriptor, MANIFEST, type Manifest, OciClient, type OciRepository } from "./oci-client.ts";
import { markText, parseMark, type StoreUser, userKey } from "./user-mark.ts";

export interface OciStoreOptions extends StoreUser {
  registry: OciRepository;
  identity?: ArtifactIdentity | undefined;
  /** Secret that whoever flashes reads. */
  access?: string | undefined;
  /** Told where the registry lets nobody delete. */
  warn?: (line: string) => void;
}

const TYPE = "application/vnd.edgeflock.firmware.v1";
const ARCHIVE = `${TYPE}.tar+gzip`;
const ENCRYPTED = `${TYPE}.tar+gzip+age`;
const MARK = "application/vnd.edgeflock.build.v1+json";
const EMPTY = "application/vnd.oci.empty.v1+json";
const TAG = /^sha256-([0-9a-f]{64})\.([0-9a-f]{16})$/;

export class OciStore implements ArtifactStore {
  readonly #options: OciStoreOptions;
  readonly #client: OciClient;

  constructor(options: OciStoreOptions) {
    this.#options = options;
    this.#client = new OciClient(options.registry);
  }

  async put(
    artifact: FirmwareArtifact,
    archive: Uint8Array,
    record?: BuildRecord,
  ): Promise<ArtifactReference> {
    const { identity } = this.#options;
    const secret = artifact.secretBearing === true;
    const tag = this.#tag(artifact.digest);
    const known = await this.#locate(artifact.digest, tag);
    if (known && (await this.read(known)) !== undefined) return { ...artifact, store: known.store };
    const sealed = await sealArchive(archive, secret, identity);
    const layer = await this.#client.pushBlob(sealed, secret ? ENCRYPTED : ARCHIVE);
    const layers = [layer, await this.#client.pushBlob(Buffer.from(markText(this.#options, record)), MARK)];
    await this.#client.pushManifest(tag, await this.#manifest(layers, artifact));
    if (record && !secret) await this.#noteBuild(record, layer, artifact);
    const reference = { ...artifact, store: this.#store(tag, layer) };
    if (known && (await this.read(reference)) === undefined) throw this.#cannotMend(layer.digest);
    return reference;
  }

  /** A registry takes a blob for there, and for whole, by its digest. */
  #cannotMend(digest: string): VisibleError {
    const { repository } = this.#options.registry;
    return new VisibleError(`the registry ${repository} keeps damaged bytes under ${digest}`, {
      hint: "let the registry remove that blob, then run this again",
    });
  }

  async read(reference: StoredReference): Promise<Uint8Array | undefined> {
    const { tag, blob } = locationOf(reference);
    // a blob may lie there still though no manifest names it: until the registry clears up
    const named = (await this.#client.pullManifest(tag))?.manifest.layers[0]?.digest === blob;
    const bytes = named ? await this.#client.pullBlob(blob) : undefined;
    const secret = reference.secretBearing === true;
    return bytes && (await openSealed(bytes, reference.digest, secret, this.#options.identity));
  }

  async delete(reference: StoredReference): Promise<void> {
    await this.#deleteTag(locationOf(reference).tag);
    const left = (await this.#client.tags()).filter((tag) => TAG.exec(tag)?.[1] === hexOf(reference.digest));
    if (left.length === 0) await this.#removeBuilds(reference.digest);
  }

  async keepOnly(reference: StoredReference): Promise<void> {
    const own = userKey(this.#options.user);
    for (const tag of await this.#client.tags()) {
      const match = TAG.exec(tag);
      if (match?.[2] !== own || match[1] === hexOf(reference.digest)) continue;
      const { store } = reference;
      await this.delete({ digest: `sha256:${match[1]}`, store: { ...locationOf({ store }), tag } });
    }
  }

  async findBuild(contentHash: string): Promise<FoundBuild | undefined> {
    const found = await this.#client.pullManifest(buildTag(contentHash));
    const [layer, note] = found?.manifest.layers ?? [];
    const text = note && (await this.#client.pullBlob(note.digest));
    const record = text && parseRecord(Buffer.from(text).toString("utf8"), contentHash);
    const bytes = record && !record.secretBearing && (await this.#client.pullBlob(layer!.digest));
    const archive = bytes ? await gunzipArchive(bytes, record.digest) : undefined;
    return archive && record && { archive, record };
  }

  async list(): Promise<StoredArtifact[]> {
    const all: StoredArtifact[] = [];
    for (const tag of await this.#client.tags()) {
      const hex = TAG.exec(tag)?.[1];
      const digest = `sha256:${hex}`;
      const reference = hex === undefined ? undefined : await this.#locate(digest, tag);
      const mark = reference && (await this.#mark(tag));
      if (!reference) continue;
      all.push({ digest, where: `${this.#options.registry.repository}:${tag}`, reference, ...mark });
    }
    return all;
  }

  /** One manifest for each build; whoever comes later leaves it as it is. */
  async #noteBuild(record: BuildRecord, layer: Descriptor, artifact: FirmwareArtifact): Promise<void> {
    const tag = buildTag(record.contentHash);
    if ((await this.findBuild(record.contentHash)) !== undefined) return;
    const note = await this.#client.pushBlob(Buffer.from(JSON.stringify(record)), MARK);
    await this.#client.pushManifest(tag, await this.#manifest([layer, note], artifact));
  }

  async #mark(tag: string) {
    const note = (await this.#client.pullManifest(tag))?.manifest.layers[1];
    const bytes = note && (await this.#client.pullBlob(note.digest));
    return bytes && parseMark(Buffer.from(bytes).toString("utf8"));
  }

  async #locate(digest: string, tag: string): Promise<StoredReference | undefined> {
    const layer = (await this.#client.pullManifest(tag))?.manifest.layers[0];
    if (!layer) return undefined;
    const secret = layer.mediaType === ENCRYPTED;
    return { digest, ...(secret && { secretBearing: true as const }), store: this.#store(tag, layer) };
  }

  #store(tag: string, layer: Descriptor) {
    const { registry, access } = this.#options;
    return {
      kind: "oci" as const,
      repository: registry.repository,
      ...(registry.plainHttp && { plainHttp: true as const }),
      blob: layer.digest,
      tag,
      ...(layer.mediaType === ENCRYPTED && { encrypted: "age" as const }),
      ...(access !== undefined && { access }),
    };
  }

  async #manifest(layers: Descriptor[], artifact: FirmwareArtifact): Promise<Manifest> {
    const config = await this.#client.pushBlob(Buffer.from("{}"), EMPTY);
    const { chip, version, digest } = artifact;
    return {
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: TYPE,
      config,
      layers,
      annotations: {
        "io.edgeflock.digest": digest,
        "io.edgeflock.chip": chip,
        "org.opencontainers.image.version": version,
      },
    };
  }

  async #deleteTag(tag: string): Promise<void> {
    const found = await this.#client.pullManifest(tag);
    if (!found || (await this.#client.deleteManifest(found.digest))) return;
    const { registry, warn } = this.#options;
    warn?.(`The registry ${registry.repository} lets nobody delete: ${tag} stays there.`);
  }

  async #removeBuilds(digest: string): Promise<void> {
    for (const tag of (await this.#client.tags()).filter((one) => one.startsWith("build-"))) {
      const found = await this.#client.pullManifest(tag);
      if (found?.manifest.annotations?.["io.edgeflock.digest"] === digest) await this.#deleteTag(tag);
    }
  }

  #tag(digest: string): string {
    return `sha256-${hexOf(digest)}.${userKey(this.#options.user)}`;
  }
}

function buildTag(contentHash: string): string {
  return `build-${contentHash}`;
}

function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}

function locationOf({ store }: { store: ArtifactReference["store"] }) {
  if (store.kind !== "oci") throw new Error(`a registry does not keep ${store.kind} artefacts`);
  return store;
}
