// An NVS image to its settings, with everything that is wrong in it. Touches nothing, never throws on any bytes.
import { type NvsProblem, type PageReport, type RawItem, readPages } from "./decode-pages.ts";
import type { NvsEntry } from "./entry.ts";
import { CHUNK_START_SECOND, type NvsIntegerType, TYPE_CODE } from "./format.ts";

export type { NvsProblem, PageReport, PageState } from "./decode-pages.ts";

/** A setting found in an image, and where. Values of up to 32 bits are numbers, of 64 bigints. */
export interface DecodedEntry extends NvsEntry {
  page: number;
  /** Number of the entry in its page; of a blob in chunks, that of its index. */
  entry: number;
  /** Byte offset of that entry in the partition. */
  offset: number;
  /** 1 for a blob as format version 1 keeps it, in one piece. */
  blobFormat?: 1 | 2;
}

export interface DecodedNvs {
  /** In the order in which they were written. */
  entries: DecodedEntry[];
  /** Names of the namespaces, in the order of their index; with those that have no entries. */
  namespaces: string[];
  pages: PageReport[];
  /** By offset. Empty for a sound image. */
  problems: NvsProblem[];
  /** Page headers are sound, yet no entry is: so looks an encrypted image, or one under another key. */
  looksEncrypted: boolean;
}

const INTEGER_TYPES = new Map<number, NvsIntegerType>(
  (["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"] as const).map((type) => [TYPE_CODE[type], type]),
);

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads an image as the NVS library would: damaged entries and pages are left out and reported. Where a key is
 * there twice, what was written last counts, as after a power cut in the library.
 */
export function decodeNvs(image: Uint8Array): DecodedNvs {
  const { pages, items, problems } = readPages(image);
  const names = readNamespaces(items, problems);
  const chunks = new ChunkIndex(items);
  const found = new Map<string, DecodedEntry>();
  for (const item of items) {
    if (item.namespaceIndex === 0 || item.type === TYPE_CODE.blobData) continue;
    const namespace = names.get(item.namespaceIndex);
    if (namespace === undefined) {
      const message = `the key belongs to namespace ${item.namespaceIndex}, which has no name`;
      problems.push({ ...placeOf(item), key: item.key, message });
      continue;
    }
    const entry = readEntry(item, namespace, chunks, problems);
    if (entry) keep(found, entry, item, problems);
  }
  reportOrphans(chunks, names, problems);
  problems.sort((a, b) => a.offset - b.offset);
  const written = pages.some((page) => page.sequence !== undefined && page.written > 0);
  const namespaces = [...names].sort(([a], [b]) => a - b).map(([, name]) => name);
  return {
    entries: [...found.values()],
    namespaces,
    pages,
    problems,
    looksEncrypted: written && items.length === 0,
  };
}

function placeOf(item: RawItem): { page: number; entry: number; offset: number } {
  return { page: item.page, entry: item.entry, offset: item.offset };
}

function readNamespaces(items: RawItem[], problems: NvsProblem[]): Map<number, string> {
  const names = new Map<number, string>();
  const indices = new Map<string, number>();
  for (const item of items) {
    if (item.namespaceIndex !== 0) continue;
    if (item.type !== TYPE_CODE.u8) {
      const message = "the entry stands among the namespaces, but is none: its namespace was never opened";
      problems.push({ ...placeOf(item), key: item.key, message });
      continue;
    }
    const index = item.data.getUint8(0);
    const wrong = namespaceProblem(index, item.key, names, indices);
    if (wrong) problems.push({ ...placeOf(item), namespace: item.key, message: wrong });
    if (names.has(index) || index === 0 || index === 255) continue;
    names.set(index, item.key);
    if (!indices.has(item.key)) indices.set(item.key, index);
  }
  return names;
}

function namespaceProblem(
  index: number,
  name: string,
  names: Map<number, string>,
  indices: Map<string, number>,
): string | undefined {
  if (index === 0 || index === 255) return `the namespace has the index ${index}, which is reserved`;
  if (names.has(index)) return `the namespace has the index ${index} of "${names.get(index)}"`;
  return indices.has(name) ? "the namespace is there twice" : undefined;
}

function readEntry(
  item: RawItem,
  namespace: string,
  chunks: ChunkIndex,
  problems: NvsProblem[],
): DecodedEntry | undefined {
  const base = { namespace, key: item.key, ...placeOf(item) };
  const integer = INTEGER_TYPES.get(item.type);
  if (integer) return { ...base, type: integer, value: readInteger(item.data, integer) };
  if (item.type === TYPE_CODE.string)
    return { ...base, type: "string", value: readString(item, namespace, problems) };
  // payloads are views of decodeNvs's own copy of the image; a slice lets that copy go
  if (item.type === TYPE_CODE.blobV1)
    return { ...base, type: "blob", value: item.payload.slice(), blobFormat: 1 };
  const value = chunks.assemble(item);
  if (typeof value !== "string") return { ...base, type: "blob", value, blobFormat: 2 };
  problems.push({ ...placeOf(item), namespace, key: item.key, message: value });
  return undefined;
}

function readInteger(data: DataView, type: NvsIntegerType): number | bigint {
  switch (type) {
    case "u8":
      return data.getUint8(0);
    case "i8":
      return data.getInt8(0);
    case "u16":
      return data.getUint16(0, true);
    case "i16":
      return data.getInt16(0, true);
    case "u32":
      return data.getUint32(0, true);
    case "i32":
      return data.getInt32(0, true);
    case "u64":
      return data.getBigUint64(0, true);
    case "i64":
      return data.getBigInt64(0, true);
  }
}

function readString(item: RawItem, namespace: string, problems: NvsProblem[]): string {
  const { payload } = item;
  const report = (message: string) =>
    problems.push({ ...placeOf(item), namespace, key: item.key, message: `the string ${message}` });
  const nul = payload.indexOf(0);
  if (nul === -1) report("does not end with NUL: firmware that reads it may read on into other memory");
  else if (nul !== payload.length - 1) report("has a NUL in it, where its reader ends it");
  const text = nul === -1 ? payload : payload.subarray(0, nul);
  const value = UTF8.decode(text);
  if (!Buffer.from(value).equals(text)) report("is not valid UTF-8");
  return value;
}

function keep(
  found: Map<string, DecodedEntry>,
  entry: DecodedEntry,
  item: RawItem,
  problems: NvsProblem[],
): void {
  const id = `${entry.namespace}\0${entry.key}`;
  const earlier = found.get(id);
  if (earlier) {
    const message = `the key is there twice, before at page ${earlier.page}, entry ${earlier.entry}; this one counts`;
    problems.push({ ...placeOf(item), namespace: entry.namespace, key: entry.key, message });
    found.delete(id);
  }
  found.set(id, entry);
}

/** The chunks of all blobs, by namespace, key and chunk number. */
class ChunkIndex {
  readonly #chunks = new Map<string, RawItem>();
  readonly #used = new Set<RawItem>();

  constructor(items: RawItem[]) {
    for (const item of items) {
      if (item.type === TYPE_CODE.blobData) this.#chunks.set(this.#id(item, item.chunk), item);
    }
  }

  #id(item: RawItem, chunk: number): string {
    return `${item.namespaceIndex} ${chunk} ${item.key}`;
  }

  /** The bytes of the blob that `index` describes, or why there are none. */
  assemble(index: RawItem): Uint8Array | string {
    const size = index.data.getUint32(0, true);
    const count = index.data.getUint8(4);
    const start = index.data.getUint8(5);
    if (start !== 0 && start !== CHUNK_START_SECOND)
      return `the blob's chunks begin at ${start}, which cannot be`;
    const parts: Uint8Array[] = [];
    let missing: number | undefined;
    for (let number = start; number < start + count; number++) {
      const chunk = this.#chunks.get(this.#id(index, number));
      if (!chunk) missing ??= number;
      else {
        parts.push(chunk.payload);
        this.#used.add(chunk);
      }
    }
    if (missing !== undefined) return `chunk ${missing} of the blob is missing`;
    const value = Buffer.concat(parts);
    if (value.length !== size) return `the blob should have ${size} bytes, its chunks have ${value.length}`;
    return new Uint8Array(value);
  }

  /** Chunks that no index claimed. */
  orphans(): RawItem[] {
    return [...this.#chunks.values()].filter((chunk) => !this.#used.has(chunk));
  }
}

function reportOrphans(chunks: ChunkIndex, names: Map<number, string>, problems: NvsProblem[]): void {
  for (const item of chunks.orphans()) {
    const namespace = names.get(item.namespaceIndex);
    const message = `chunk ${item.chunk} belongs to no blob; the library would erase it`;
    problems.push({
      ...placeOf(item),
      ...(namespace !== undefined && { namespace }),
      key: item.key,
      message,
    });
  }
}
