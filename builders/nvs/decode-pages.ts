// First half of decoding: the pages of an image and the sound items in them. Touches nothing.
// It reads what the NVS library would read and nothing else; whatever is damaged becomes a problem.
import { entryCrc32, nvsCrc32 } from "./crc32.ts";
import {
  BLANK_PAGE,
  ENTRIES_PER_PAGE,
  ENTRY_SIZE,
  ENTRY_STATE,
  FIRST_ENTRY_OFFSET,
  MAP_OFFSET,
  type NvsVersion,
  PAGE_SIZE,
  PAGE_STATE,
  TYPE_CODE,
} from "./format.ts";

export type PageState = "empty" | "active" | "full" | "freeing" | "corrupt";

/** What is known of a page. */
export interface PageReport {
  /** Number of the page in the partition, from 0. */
  page: number;
  state: PageState;
  /** Age of the page: the highest was begun last. Absent in an empty page and where the header is damaged. */
  sequence?: number;
  version?: NvsVersion;
  /** How many of the 126 entries are in each state; `illegal` ones never occur in a sound page. */
  written: number;
  erased: number;
  empty: number;
  illegal: number;
}

/** Something that is wrong in an image. */
export interface NvsProblem {
  page: number;
  /** Number of the entry in its page, where it is about one. */
  entry?: number;
  /** Byte offset in the partition. */
  offset: number;
  namespace?: string;
  key?: string;
  message: string;
}

/** One entry whose header is sound, still without its namespace's name. */
export interface RawItem {
  page: number;
  entry: number;
  offset: number;
  namespaceIndex: number;
  type: number;
  chunk: number;
  key: string;
  /** The last 8 bytes of the entry. */
  data: DataView;
  /** The bytes that follow, of a string, blob or chunk. */
  payload: Uint8Array;
}

export interface RawImage {
  pages: PageReport[];
  /** In the order in which they were written. */
  items: RawItem[];
  problems: NvsProblem[];
}

const STATE_NAMES = new Map<number, PageState>(
  Object.entries(PAGE_STATE).map(([name, value]) => [value, name as PageState]),
);
const WITH_PAYLOAD: ReadonlySet<number> = new Set([TYPE_CODE.string, TYPE_CODE.blobV1, TYPE_CODE.blobData]);
const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(TYPE_CODE));

/** What is no UTF-8 becomes U+FFFD. */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads every page. Never throws, whatever the bytes. */
export function readPages(image: Uint8Array): RawImage {
  const result: RawImage = { pages: [], items: [], problems: [] };
  const whole = padToPages(image, result.problems);
  const used: { sequence: number; at: number; report: PageReport }[] = [];
  for (let at = 0; at < whole.length; at += PAGE_SIZE) {
    const report = readHeader(whole, at, result.problems);
    result.pages.push(report);
    if (report.sequence !== undefined) used.push({ sequence: report.sequence, at, report });
  }
  used.sort((a, b) => a.sequence - b.sequence);
  for (const { at } of used) readItems(whole, at, result);
  result.problems.sort((a, b) => a.offset - b.offset);
  return result;
}

function padToPages(image: Uint8Array, problems: NvsProblem[]): Uint8Array {
  const over = image.length % PAGE_SIZE;
  // a copy also makes reading independent of a caller who goes on writing
  const whole = new Uint8Array(image.length + (over ? PAGE_SIZE - over : 0)).fill(0xff, image.length);
  whole.set(image);
  if (over) {
    const page = Math.floor(image.length / PAGE_SIZE);
    problems.push({
      page,
      offset: image.length,
      message: `the image ends after ${over} of the page's 4096 bytes`,
    });
  }
  return whole;
}

function readHeader(image: Uint8Array, at: number, problems: NvsProblem[]): PageReport {
  const page = at / PAGE_SIZE;
  const view = new DataView(image.buffer, at, PAGE_SIZE);
  const stateWord = view.getUint32(0, true);
  const counts = countStates(image, at);
  const corrupt = (message: string): PageReport => {
    problems.push({ page, offset: at, message: `${message}; the library would erase the page` });
    return { page, state: "corrupt", ...counts };
  };
  if (stateWord === PAGE_STATE.empty) {
    if (Buffer.compare(BLANK_PAGE, image.subarray(at, at + PAGE_SIZE)) === 0)
      return { page, state: "empty", ...counts };
    return corrupt("the page is marked as never used, but is not empty");
  }
  const state = STATE_NAMES.get(stateWord);
  if (state === undefined) return corrupt(`the page's state 0x${stateWord.toString(16)} is none that exists`);
  if (state === "corrupt") return corrupt("the page is marked as corrupt");
  if (view.getUint32(28, true) !== nvsCrc32(image, at + 4, at + 28))
    return corrupt("the page header's CRC is wrong");
  const versionByte = image[at + 8]!;
  if (versionByte !== 0xff && versionByte !== 0xfe) {
    return corrupt(`the page has format version ${0x100 - versionByte}, which is newer than any known`);
  }
  return { page, state, sequence: view.getUint32(4, true), version: versionByte === 0xff ? 1 : 2, ...counts };
}

function entryState(image: Uint8Array, page: number, entry: number): number {
  return (image[page + MAP_OFFSET + (entry >> 2)]! >> ((entry & 3) * 2)) & 3;
}

function countStates(
  image: Uint8Array,
  at: number,
): Pick<PageReport, "written" | "erased" | "empty" | "illegal"> {
  const counts = [0, 0, 0, 0];
  for (let entry = 0; entry < ENTRIES_PER_PAGE; entry++) counts[entryState(image, at, entry)]!++;
  const [erased, illegal, written, empty] = counts as [number, number, number, number];
  return { written, erased, empty, illegal };
}

/** Adds the page's items and problems; a run of damaged entries is one problem, for they come in runs. */
function readItems(image: Uint8Array, page: number, result: RawImage): void {
  let damaged: { first: NvsProblem; count: number } | undefined;
  const flush = () => {
    if (!damaged) return;
    const more = damaged.count > 1 ? ` (and so with the ${damaged.count - 1} after it)` : "";
    result.problems.push({ ...damaged.first, message: damaged.first.message + more });
    damaged = undefined;
  };
  for (let entry = 0; entry < ENTRIES_PER_PAGE; ) {
    const state = entryState(image, page, entry);
    if (state === ENTRY_STATE.erased || state === ENTRY_STATE.empty) {
      flush();
      entry++;
      continue;
    }
    const read = readItem(image, page, entry);
    if (typeof read !== "string") {
      flush();
      result.items.push(read);
      entry += 1 + Math.ceil(read.payload.length / ENTRY_SIZE);
      continue;
    }
    if (damaged) damaged.count++;
    else {
      const offset = page + FIRST_ENTRY_OFFSET + entry * ENTRY_SIZE;
      damaged = { first: { page: page / PAGE_SIZE, entry, offset, message: read }, count: 1 };
    }
    entry++;
  }
  flush();
}

/** The item at `entry`, or what is wrong with it. */
function readItem(image: Uint8Array, page: number, entry: number): RawItem | string {
  const at = page + FIRST_ENTRY_OFFSET + entry * ENTRY_SIZE;
  if (entryState(image, page, entry) === ENTRY_STATE.illegal)
    return "the entry's state in the map is none that exists";
  const data = new DataView(image.buffer, at + 24, 8);
  const view = new DataView(image.buffer, at, ENTRY_SIZE);
  if (view.getUint32(4, true) !== entryCrc32(image, at)) return "the entry's CRC is wrong";
  const type = image[at + 1]!;
  if (!KNOWN_TYPES.has(type)) return `the entry's type 0x${type.toString(16)} is none that is known`;
  const span = image[at + 2]!;
  const size = WITH_PAYLOAD.has(type) ? data.getUint16(0, true) : 0;
  if (span !== 1 + Math.ceil(size / ENTRY_SIZE))
    return `the entry claims ${span} slots, but its ${size} bytes take others`;
  if (entry + span > ENTRIES_PER_PAGE) return "the entry would reach beyond its page";
  for (let slot = entry + 1; slot < entry + span; slot++) {
    if (entryState(image, page, slot) !== ENTRY_STATE.written)
      return "the entry's data was not written to its end";
  }
  const payload = image.subarray(at + ENTRY_SIZE, at + ENTRY_SIZE + size);
  if (WITH_PAYLOAD.has(type) && data.getUint32(4, true) !== nvsCrc32(payload)) {
    return `the CRC of the data of key ${JSON.stringify(readKey(image, at))} is wrong`;
  }
  return {
    page: page / PAGE_SIZE,
    entry,
    offset: at,
    namespaceIndex: image[at]!,
    type,
    chunk: image[at + 3]!,
    key: readKey(image, at),
    data,
    payload,
  };
}

function readKey(image: Uint8Array, at: number): string {
  const bytes = image.subarray(at + 8, at + 24);
  const end = bytes.indexOf(0);
  return UTF8.decode(end === -1 ? bytes : bytes.subarray(0, end));
}
