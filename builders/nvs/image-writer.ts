// Lays entries out in the pages of an image, exactly as esp-idf-nvs-partition-gen 0.3.0 does. Touches nothing.
// It trusts its input: generate.ts has checked names and values before.
import { entryCrc32, nvsCrc32 } from "./crc32.ts";
import {
  CHUNK_ANY,
  ENTRIES_PER_PAGE,
  ENTRY_SIZE,
  FIRST_ENTRY_OFFSET,
  MAP_OFFSET,
  MOST_CHUNKS,
  type NvsIntegerType,
  type NvsVersion,
  PAGE_SIZE,
  PAGE_STATE,
  TYPE_CODE,
  VERSION_BYTE,
  WRITABLE_SIZE,
} from "./format.ts";

/** The entries need more pages than the partition has. */
export class NvsFullError extends Error {}

/** A blob that begins so late in its page that it would need a 128th chunk. */
export class TooManyChunksError extends Error {}

/** Writes one image from front to back. */
export class NvsImageWriter {
  readonly image: Uint8Array;
  readonly #text: Buffer;
  readonly #version: NvsVersion;
  readonly #pageLimit: number;
  /** Where the current page begins. */
  #page = -PAGE_SIZE;
  /** How many pages have been begun. */
  pages = 0;
  /** How many entries of the current page are written. */
  #used = ENTRIES_PER_PAGE;

  /**
   * @param size bytes of the partition, a multiple of 4096. From 0x3000 on its last page stays free, for the
   *   library to move entries to; smaller ones can only be read by the device, and are used whole.
   */
  constructor(size: number, version: NvsVersion) {
    const memory = new ArrayBuffer(size);
    this.image = new Uint8Array(memory).fill(0xff);
    this.#text = Buffer.from(memory);
    this.#version = version;
    this.#pageLimit = size / PAGE_SIZE - (size >= WRITABLE_SIZE ? 1 : 0);
    this.#nextPage();
  }

  /** @throws NvsFullError */
  writeInteger(namespace: number, key: string, type: NvsIntegerType, value: number | bigint): void {
    if (this.#used >= ENTRIES_PER_PAGE) this.#nextPage();
    const at = this.#begin(namespace, TYPE_CODE[type], 1, CHUNK_ANY, key);
    this.#putInteger(at + 24, TYPE_CODE[type] & 0x0f, value);
    this.#end(at, 1);
  }

  /** @throws NvsFullError */
  writeString(namespace: number, key: string, value: string): void {
    const size = Buffer.byteLength(value) + 1;
    const at = this.#beginWhole(namespace, TYPE_CODE.string, key, size);
    const data = at + ENTRY_SIZE;
    this.#text.write(value, data, "utf8");
    this.image[data + size - 1] = 0;
    this.#endWhole(at, size);
  }

  /** @throws NvsFullError, TooManyChunksError */
  writeBlob(namespace: number, key: string, value: Uint8Array): void {
    if (this.#version === 2) {
      this.#writeChunks(namespace, key, value);
      return;
    }
    const at = this.#beginWhole(namespace, TYPE_CODE.blobV1, key, value.length);
    this.image.set(value, at + ENTRY_SIZE);
    this.#endWhole(at, value.length);
  }

  /** A blob of version 2: as many chunks as it takes, one a page, then their index. */
  #writeChunks(namespace: number, key: string, value: Uint8Array): void {
    if (this.#used >= ENTRIES_PER_PAGE) this.#nextPage();
    let chunks = 0;
    let offset = 0;
    do {
      // with one entry left this is a chunk of no bytes: Espressif's layout, which the library reads
      const room = (ENTRIES_PER_PAGE - this.#used - 1) * ENTRY_SIZE;
      const size = Math.min(room, value.length - offset);
      if (chunks === MOST_CHUNKS) throw new TooManyChunksError();
      const at = this.#begin(namespace, TYPE_CODE.blobData, 1 + Math.ceil(size / ENTRY_SIZE), chunks, key);
      this.image.set(
        offset === 0 && size === value.length ? value : value.subarray(offset, offset + size),
        at + ENTRY_SIZE,
      );
      this.#endWhole(at, size);
      offset += size;
      chunks++;
      if (offset < value.length || room - size < ENTRY_SIZE) this.#nextPage();
    } while (offset < value.length);

    const at = this.#begin(namespace, TYPE_CODE.blobIndex, 1, CHUNK_ANY, key);
    this.#putInteger(at + 24, 4, value.length);
    this.image[at + 28] = chunks;
    this.image[at + 29] = 0;
    this.#end(at, 1);
  }

  /** Begins an entry whose data of `size` bytes has to stay in its page; moves on where Espressif's tool does. */
  #beginWhole(namespace: number, type: number, key: string, size: number): number {
    const span = 1 + Math.ceil(size / ENTRY_SIZE);
    if (this.#used + span >= ENTRIES_PER_PAGE) this.#nextPage();
    return this.#begin(namespace, type, span, CHUNK_ANY, key);
  }

  /** Ends an entry with data: its size and CRC, then the entry's own. */
  #endWhole(at: number, size: number): void {
    const { image } = this;
    const data = at + ENTRY_SIZE;
    image[at + 24] = size & 0xff;
    image[at + 25] = size >> 8;
    this.#putInteger(at + 28, 4, nvsCrc32(image, data, data + size));
    this.#end(at, 1 + Math.ceil(size / ENTRY_SIZE));
  }

  /** Writes an entry's first 24 bytes but its CRC; answers where it begins. */
  #begin(namespace: number, type: number, span: number, chunk: number, key: string): number {
    const { image } = this;
    const at = this.#page + FIRST_ENTRY_OFFSET + this.#used * ENTRY_SIZE;
    image[at] = namespace;
    image[at + 1] = type;
    image[at + 2] = span;
    image[at + 3] = chunk;
    const length = key.length;
    for (let i = 0; i < 16; i++) {
      const code = i < length ? key.charCodeAt(i) : 0;
      if (code > 0x7f) {
        this.#text.fill(0, at + 8, at + 24);
        this.#text.write(key, at + 8, "utf8");
        break;
      }
      image[at + 8 + i] = code;
    }
    return at;
  }

  /** Closes the entry at `at`: its CRC, and its slots marked as written. */
  #end(at: number, span: number): void {
    const { image } = this;
    this.#putInteger(at + 4, 4, entryCrc32(image, at));
    const map = this.#page + MAP_OFFSET;
    for (let i = this.#used; i < this.#used + span; i++) image[map + (i >> 2)]! &= ~(1 << ((i & 3) * 2));
    this.#used += span;
  }

  /** Little-endian, two's complement, `width` bytes. */
  #putInteger(at: number, width: number, value: number | bigint): void {
    const { image } = this;
    if (width === 8) {
      this.#text.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), at);
      return;
    }
    let rest = Number(value) | 0;
    for (let i = 0; i < width; i++) {
      image[at + i] = rest & 0xff;
      rest >>= 8;
    }
  }

  #nextPage(): void {
    if (this.pages === this.#pageLimit) throw new NvsFullError();
    const { image } = this;
    if (this.pages > 0) image[this.#page] = PAGE_STATE.full & 0xff;
    this.#page += PAGE_SIZE;
    const start = this.#page;
    image[start] = PAGE_STATE.active & 0xff;
    this.#putInteger(start + 4, 4, this.pages);
    image[start + 8] = VERSION_BYTE[this.#version];
    this.#putInteger(start + 28, 4, nvsCrc32(image, start + 4, start + 28));
    this.pages++;
    this.#used = 0;
  }
}
