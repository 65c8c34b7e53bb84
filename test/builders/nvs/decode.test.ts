import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entryCrc32 } from "../../../builders/nvs/crc32.ts";
import { type DecodedNvs, decodeNvs } from "../../../builders/nvs/decode.ts";
import { encryptNvs, generateNvsKeys } from "../../../builders/nvs/encrypt.ts";
import { generateNvs, type NvsEntry } from "../../../builders/nvs/generate.ts";
import { checkDecoding } from "./support/check-decoding.ts";
import { damagedImage, validEntries } from "./support/damage.ts";

const SIZE = 0x40000;
const ENTRIES: NvsEntry[] = [
  { namespace: "n", key: "number", type: "u32", value: 7 },
  { namespace: "n", key: "text", type: "string", value: "some text that is longer than one entry" },
  { namespace: "n", key: "blob", type: "blob", value: new Uint8Array(100).fill(1) },
];

/** Entry 0 is the namespace, 1 the number, 2–4 the text, 5–9 the blob's chunk, 10 its index. */
function image(): Uint8Array {
  return generateNvs(ENTRIES, { size: 0x3000 });
}

function at(entry: number): number {
  return 64 + entry * 32;
}

/** Changes bytes of an entry and makes its CRC fit. */
function rewrite(bytes: Uint8Array, entry: number, offset: number, values: number[]): void {
  bytes.set(values, at(entry) + offset);
  new DataView(bytes.buffer).setUint32(at(entry) + 4, entryCrc32(bytes, at(entry)), true);
}

function setState(bytes: Uint8Array, entry: number, state: number): void {
  const place = 32 + (entry >> 2);
  const shift = (entry & 3) * 2;
  bytes[place] = (bytes[place]! & ~(3 << shift)) | (state << shift);
}

function flip(bytes: Uint8Array, offset: number): void {
  bytes[offset]! ^= 1;
}

function keys({ entries }: DecodedNvs): string[] {
  return entries.map(({ key }) => key);
}

describe("decoding", () => {
  it("gives back what was put in, for any valid entries", () => {
    fc.assert(
      fc.property(validEntries, (entries) => {
        const { entries: found, problems } = decodeNvs(generateNvs(entries, { size: SIZE }));
        assert.deepEqual(problems, []);
        assert.deepEqual(
          found.map(({ namespace, key, type, value }) => ({ namespace, key, type, value })),
          entries,
        );
      }),
      { numRuns: 500 },
    );
  });

  it("survives any damage: it never throws and never leaves the image", () => {
    fc.assert(fc.property(damagedImage, checkDecoding), { numRuns: 1000 });
  }, 120_000);

  it("of nothing is nothing", () => {
    expect(decodeNvs(new Uint8Array())).toMatchObject({
      entries: [],
      pages: [],
      problems: [],
      looksEncrypted: false,
    });
  });

  it("reads only the image it is given, not the buffer around it", () => {
    const outer = Buffer.concat([Buffer.alloc(3), image()]);
    expect(keys(decodeNvs(outer.subarray(3)))).toEqual(["number", "text", "blob"]);
  });
});

describe("damage is reported where it is, and the rest is read", () => {
  it.each<[string, (bytes: Uint8Array) => void, string[], number | undefined, RegExp]>([
    ["a flipped bit in an entry", (b) => flip(b, at(1) + 24), ["text", "blob"], 1, /entry's CRC/],
    ["a flipped bit in data", (b) => flip(b, at(3)), ["number", "blob"], 2, /CRC of the data of key "text"/],
    ["a flipped bit in a chunk", (b) => flip(b, at(6)), ["number", "text"], 5, /CRC of the data/],
    [
      "a missing chunk",
      (b) => {
        for (const n of [5, 6, 7, 8, 9]) setState(b, n, 0);
      },
      ["number", "text"],
      10,
      /chunk 0 of the blob is missing/,
    ],
    ["a chunk too many", (b) => setState(b, 10, 0), ["number", "text"], 5, /belongs to no blob/],
    [
      "a wrong size in the index",
      (b) => rewrite(b, 10, 24, [101]),
      ["number", "text"],
      10,
      /should have 101 bytes/,
    ],
    ["an impossible first chunk", (b) => rewrite(b, 10, 29, [5]), ["number", "text"], 10, /begin at 5/],
    ["an unknown type", (b) => rewrite(b, 1, 1, [0x77]), ["text", "blob"], 1, /type 0x77/],
    ["a span that does not fit", (b) => rewrite(b, 2, 2, [9]), ["number", "blob"], 2, /claims 9 slots/],
    [
      "a namespace without a name",
      (b) => rewrite(b, 1, 0, [9]),
      ["text", "blob"],
      1,
      /namespace 9, which has no name/,
    ],
    ["a key among the namespaces", (b) => rewrite(b, 1, 0, [0]), ["text", "blob"], 1, /never opened/],
    ["an illegal state", (b) => setState(b, 1, 1), ["text", "blob"], 1, /state in the map/],
    ["data that was not finished", (b) => setState(b, 4, 3), ["number", "blob"], 2, /not written to its end/],
  ])("%s", (_, damage, left, entry, message) => {
    const bytes = image();
    damage(bytes);
    const decoded = decodeNvs(bytes);
    expect(keys(decoded)).toEqual(left);
    const found = decoded.problems.find((problem) => message.test(problem.message));
    expect(found, JSON.stringify(decoded.problems)).toMatchObject({ page: 0, entry });
  });

  it.each<[string, (bytes: Uint8Array) => void, RegExp]>([
    ["a header with a wrong CRC", (b) => b.set([1], 5), /header's CRC/],
    ["a state that does not exist", (b) => b.set([0x12], 0), /state 0xffffff12/],
    ["a page that the device gave up", (b) => b.set([0xf0], 0), /marked as corrupt/],
    ["an empty page that is not empty", (b) => b.set([0xff], 0), /marked as never used/],
  ])("%s makes the page corrupt", (_, damage, message) => {
    const bytes = image();
    damage(bytes);
    const decoded = decodeNvs(bytes);
    expect(decoded.pages[0]!.state).toBe("corrupt");
    expect(decoded.problems[0]!.message).toMatch(message);
    expect(decoded.entries).toEqual([]);
  });

  it("a newer format version is said to be one", () => {
    const bytes = image();
    bytes[8] = 0xfd;
    // its CRC, by way of an entry's: header bytes 4 to 28
    const crc = generateHeaderCrc(bytes);
    new DataView(bytes.buffer).setUint32(28, crc, true);
    expect(decodeNvs(bytes).problems[0]!.message).toMatch(/format version 3, which is newer/);
  });

  it("an image that ends within a page is read as far as it goes", () => {
    const decoded = decodeNvs(image().subarray(0, at(5)));
    expect(keys(decoded)).toEqual(["number", "text"]);
    expect(decoded.problems.map(({ message }) => message).join()).toMatch(
      /ends after 224 of the page's 4096 bytes/,
    );
  });

  it("of a key that is there twice the later one counts, and it is reported", () => {
    const bytes = generateNvs(
      [
        { namespace: "n", key: "k", type: "u8", value: 1 },
        { namespace: "n", key: "l", type: "u8", value: 2 },
      ],
      { size: 0x3000 },
    );
    rewrite(bytes, 2, 8, [...Buffer.from("k")]);
    const decoded = decodeNvs(bytes);
    expect(decoded.entries).toMatchObject([{ key: "k", value: 2, entry: 2 }]);
    expect(decoded.problems).toMatchObject([{ entry: 2, key: "k" }]);
  });

  it("a string without its NUL is read, and reported as the danger it is", () => {
    const bytes = generateNvs([{ namespace: "n", key: "blob", type: "blob", value: Buffer.from("abc") }], {
      size: 0x3000,
      version: 1,
    });
    rewrite(bytes, 1, 1, [0x21]);
    const decoded = decodeNvs(bytes);
    expect(decoded.entries).toMatchObject([{ type: "string", value: "abc" }]);
    expect(decoded.problems[0]!.message).toMatch(/does not end with NUL/);
  });

  it("an encrypted image is known by having nothing sound in it", () => {
    expect(decodeNvs(encryptNvs(image(), generateNvsKeys())).looksEncrypted).toBe(true);
    expect(decodeNvs(image()).looksEncrypted).toBe(false);
  });

  it("messages never hold a value", () => {
    const bytes = generateNvs([{ namespace: "n", key: "k", type: "string", value: "hunter2hunter2" }], {
      size: 0x3000,
    });
    bytes[at(2)]! ^= 1;
    expect(JSON.stringify(decodeNvs(bytes).problems)).not.toMatch(/unter2/);
  });
});

function generateHeaderCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes.subarray(4, 28)) {
    crc = (crc ^ byte) >>> 0;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
