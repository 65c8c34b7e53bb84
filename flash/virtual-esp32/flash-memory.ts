// The NOR flash of a virtual board, kept in a file: erasing sets bits, writing only clears them.
// Touches that file and nothing else. Works through the file descriptor in pieces, so that hundreds of
// boards need no memory for it, and the firmware process sees the same bytes through its own descriptor.
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { VisibleError } from "../../model/visible-error.ts";

export const SECTOR_SIZE = 4096;
const PIECE = 64 * 1024;
const ERASED = new Uint8Array(PIECE).fill(0xff);

/** What the protocol needs of a flash chip. All offsets and lengths in bytes, within `size`. */
export interface FlashMemory {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
  /** Clears the bits that are 0 in `data`; never sets one. */
  program(offset: number, data: Uint8Array): void;
  /** Sets all bits of the sectors that the range touches. */
  erase(offset: number, length: number): void;
}

export const FLASH_SIZES: Record<string, number> = {
  "1MB": 1 << 20,
  "2MB": 2 << 20,
  "4MB": 4 << 20,
  "8MB": 8 << 20,
  "16MB": 16 << 20,
};

/** Bytes of a size such as "4MB". @throws VisibleError */
export function parseFlashSize(text: string): number {
  const size = FLASH_SIZES[text];
  if (size === undefined) {
    throw new VisibleError(`"${text}" is no flash size; expected ${Object.keys(FLASH_SIZES).join(", ")}`);
  }
  return size;
}

export class FlashFile implements FlashMemory {
  readonly path: string;
  readonly size: number;
  readonly #fd: number;
  /** Start offsets of sectors that neither erase nor write any more. */
  readonly #badSectors: ReadonlySet<number>;

  /**
   * Opens `path`, or creates it erased, with `size` bytes.
   * Without `size` an existing file keeps its own and a new one gets 4 MB.
   * @throws VisibleError when the file cannot be used as a flash of that size.
   */
  constructor(path: string, options: { size?: number | undefined; badSectors?: number[] } = {}) {
    this.path = path;
    this.#badSectors = new Set(
      (options.badSectors ?? []).map((address) => address - (address % SECTOR_SIZE)),
    );
    try {
      // 0600: a flashed board holds passwords
      this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    } catch (error) {
      throw new VisibleError(`cannot open the flash file ${path}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    try {
      this.size = this.#fit(options.size);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  read(offset: number, length: number): Uint8Array {
    this.#check(offset, length);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.#fd, bytes, done, length - done, offset + done);
      // The file was cut short behind our back: what is missing reads as erased.
      if (count === 0) return bytes.fill(0xff, done);
      done += count;
    }
    return bytes;
  }

  program(offset: number, data: Uint8Array): void {
    this.#check(offset, data.length);
    for (let at = 0; at < data.length; at += PIECE) {
      const piece = data.subarray(at, at + PIECE);
      const merged = this.read(offset + at, piece.length);
      for (let index = 0; index < piece.length; index++) merged[index]! &= piece[index]!;
      this.#write(offset + at, merged);
    }
  }

  erase(offset: number, length: number): void {
    this.#check(offset, length);
    if (length === 0) return;
    const start = offset - (offset % SECTOR_SIZE);
    const end = Math.min(Math.ceil((offset + length) / SECTOR_SIZE) * SECTOR_SIZE, this.size);
    for (let at = start; at < end; at += PIECE)
      this.#write(at, ERASED.subarray(0, Math.min(PIECE, end - at)));
  }

  close(): void {
    closeSync(this.#fd);
  }

  #fit(wanted: number | undefined): number {
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) throw new VisibleError(`the flash file ${this.path} is not a regular file`);
    const sizes = Object.values(FLASH_SIZES);
    if (wanted === undefined && stat.size > 0 && !sizes.includes(stat.size)) {
      throw new VisibleError(
        `the flash file ${this.path} has ${stat.size} bytes, which is no size of a flash chip`,
        {
          hint: `give --flash-size (${Object.keys(FLASH_SIZES).join(", ")}): the rest is filled up as erased`,
        },
      );
    }
    const size = wanted ?? (stat.size || 4 << 20);
    if (stat.size > size) {
      throw new VisibleError(
        `the flash file ${this.path} has ${stat.size} bytes, more than a flash of ${size >> 20} MB`,
        { hint: "name another file, or a larger --flash-size" },
      );
    }
    try {
      for (let at = stat.size; at < size; at += PIECE) {
        writeAll(this.#fd, at, ERASED.subarray(0, Math.min(PIECE, size - at)));
      }
    } catch (error) {
      ftruncateSync(this.#fd, stat.size); // as it was, so that a later start finds no odd size
      throw new VisibleError(`cannot fill the flash file ${this.path}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    return size;
  }

  #check(offset: number, length: number): void {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw new RangeError(`flash range ${offset}+${length} is outside of ${this.size} bytes`);
    }
  }

  /** Writes what `bytes` says, except to bad sectors. */
  #write(offset: number, bytes: Uint8Array): void {
    let at = 0;
    while (this.#badSectors.size > 0 && at < bytes.length) {
      const sector = offset + at - ((offset + at) % SECTOR_SIZE);
      const length = Math.min(bytes.length - at, sector + SECTOR_SIZE - (offset + at));
      if (!this.#badSectors.has(sector)) writeAll(this.#fd, offset + at, bytes.subarray(at, at + length));
      at += length;
    }
    if (at === 0) writeAll(this.#fd, offset, bytes);
  }
}

function writeAll(fd: number, offset: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}
