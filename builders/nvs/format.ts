// The constants of the NVS partition format, as ESP-IDF documents them. Touches nothing.
// Source: ESP-IDF, "Non-Volatile Storage Library" (docs/en/api-reference/storage/nvs_flash.rst), internals.

/** Bytes in a page: one sector of flash. */
export const PAGE_SIZE = 4096;
/** Bytes in an entry; a page's header and its entry map take one such slot each. */
export const ENTRY_SIZE = 32;
/** Entries in a page, after header and map. */
export const ENTRIES_PER_PAGE = 126;
/** Where a page's entry map begins: two bits for each entry, low bits first. */
export const MAP_OFFSET = 32;
/** Where a page's first entry begins. */
export const FIRST_ENTRY_OFFSET = 64;

/** Smallest partition that the library can write to: two pages to use and one to move to. */
export const WRITABLE_SIZE = 3 * PAGE_SIZE;
/** Largest image that we make. The library keeps a page list in RAM; nobody has flash for more than this. */
export const LARGEST_SIZE = 0x1000000;

/** Page states: each is reached from the one before by clearing bits, as flash allows. */
export const PAGE_STATE = {
  empty: 0xffffffff,
  active: 0xfffffffe,
  full: 0xfffffffc,
  freeing: 0xfffffff8,
  corrupt: 0xfffffff0,
} as const;

/** The byte in the page header that tells the format's version; it counts down. */
export const VERSION_BYTE = { 1: 0xff, 2: 0xfe } as const;
export type NvsVersion = 1 | 2;

/** Entry states in the map. The fourth value, 01, never occurs in a sound page. */
export const ENTRY_STATE = { erased: 0b00, illegal: 0b01, written: 0b10, empty: 0b11 } as const;

/** The type byte of an entry. The low half of an integer's is its width in bytes, bit 4 its sign. */
export const TYPE_CODE = {
  u8: 0x01,
  i8: 0x11,
  u16: 0x02,
  i16: 0x12,
  u32: 0x04,
  i32: 0x14,
  u64: 0x08,
  i64: 0x18,
  string: 0x21,
  blobV1: 0x41,
  blobData: 0x42,
  blobIndex: 0x48,
} as const;

/** The integer types. */
export type NvsIntegerType = "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "u64" | "i64";

/** Chunk number of an entry that is no chunk. */
export const CHUNK_ANY = 0xff;
/** First chunk number of a blob that was rewritten an odd number of times. */
export const CHUNK_START_SECOND = 0x80;
/** Most chunks that a blob can have: their numbers stay below the second version's. */
export const MOST_CHUNKS = 127;
/** Most bytes of a blob (format version 2): 127 chunks of a page's 125 data entries. */
export const LONGEST_BLOB = 508_000;
/** Most bytes of a blob or string, its NUL included, in format version 1. */
export const LONGEST_V1 = 1984;
/**
 * Most bytes of a string, its NUL included, in format version 2. The library's limit is 4000, but a string has
 * to leave one entry of its page free in Espressif's layout: 124 entries of data.
 */
export const LONGEST_STRING = 124 * ENTRY_SIZE;

/** Most bytes in a key or a namespace's name, without the NUL. */
export const LONGEST_KEY = 15;
/** Most namespaces: their index is one byte, of which 0 and 255 are taken. */
export const MOST_NAMESPACES = 254;

/** A page as flash is after erasing. Not to be written to. */
export const BLANK_PAGE: Uint8Array = new Uint8Array(PAGE_SIZE).fill(0xff);
