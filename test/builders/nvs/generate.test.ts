import { describe, expect, it } from "vitest";
import { nvsCrc32 } from "../../../builders/nvs/crc32.ts";
import { decodeNvs } from "../../../builders/nvs/decode.ts";
import { generateNvs, type NvsEntry, type NvsRow } from "../../../builders/nvs/generate.ts";
import { VisibleError } from "../../../model/visible-error.ts";

const SIZE = 0x6000;

function entry(key: string, type: NvsEntry["type"], value: NvsEntry["value"], namespace = "n"): NvsEntry {
  return { namespace, key, type, value };
}

function integers(count: number): NvsEntry[] {
  return Array.from({ length: count }, (_, n) => entry(`k${n}`, "u8", n & 0xff));
}

function refusal(
  rows: readonly NvsRow[],
  options: Partial<Parameters<typeof generateNvs>[1]> = {},
): VisibleError {
  try {
    generateNvs(rows, { size: SIZE, ...options });
  } catch (error) {
    if (error instanceof VisibleError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

/** Page and entry of a key. */
function placeOf(image: Uint8Array, key: string): [number, number] {
  const found = decodeNvs(image).entries.find((one) => one.key === key)!;
  return [found.page, found.entry];
}

describe("the CRC", () => {
  it("is the ESP32 ROM's, over few bytes and over many", () => {
    expect(nvsCrc32(Buffer.from("123456789"))).toBe(0xd202d277);
    const many = Buffer.alloc(1000, "123456789");
    let sum = 0;
    for (const byte of many) {
      sum = (sum ^ byte) >>> 0;
      for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
    }
    expect(nvsCrc32(many)).toBe((sum ^ 0xffffffff) >>> 0);
    expect(nvsCrc32(many, 10, 20)).toBe(nvsCrc32(many.subarray(10, 20)));
  });
});

describe("an image", () => {
  it("has the documented bytes", () => {
    const image = Buffer.from(generateNvs([entry("answer", "u16", 42, "app")], { size: 0x3000 }));
    expect(image.length).toBe(0x3000);
    // state active, sequence 0, version 2, FF, CRC of bytes 4 to 28
    expect(image.toString("hex", 0, 32)).toBe(
      `feffffff00000000fe${"ff".repeat(19)}${crcHex(image.subarray(4, 28))}`,
    );
    // two written entries: 1010, the rest empty
    expect(image.toString("hex", 32, 64)).toBe(`fa${"ff".repeat(31)}`);
    expect(image.toString("hex", 64, 68)).toBe("000101ff");
    expect(image.toString("latin1", 72, 88)).toBe("app".padEnd(16, "\0"));
    expect(image.toString("hex", 88, 96)).toBe("01ffffffffffffff");
    expect(image.toString("hex", 96, 100)).toBe("010201ff");
    expect(image.toString("hex", 120, 128)).toBe("2a00ffffffffffff");
    expect(image.subarray(128).every((byte) => byte === 0xff)).toBe(true);
  });

  it("is the same for the same entries", () => {
    expect(generateNvs(integers(300), { size: SIZE })).toEqual(generateNvs(integers(300), { size: SIZE }));
  });

  it("without entries is one empty active page", () => {
    const { pages, entries, problems } = decodeNvs(generateNvs([], { size: SIZE }));
    expect(pages.map((page) => page.state)).toEqual(["active", "empty", "empty", "empty", "empty", "empty"]);
    expect([entries, problems]).toEqual([[], []]);
  });

  it("writes a namespace once, also when it is opened again", () => {
    const rows = [entry("a", "u8", 1, "one"), entry("b", "u8", 2, "two"), entry("c", "u8", 3, "one")];
    const decoded = decodeNvs(generateNvs(rows, { size: SIZE }));
    expect(decoded.namespaces).toEqual(["one", "two"]);
    expect(decoded.entries.map(({ namespace, key }) => `${namespace}/${key}`)).toEqual([
      "one/a",
      "two/b",
      "one/c",
    ]);
  });

  it("keeps a namespace that has no keys", () => {
    expect(decodeNvs(generateNvs([{ namespace: "empty" }], { size: SIZE })).namespaces).toEqual(["empty"]);
  });

  it("takes Wi-Fi keys as they are, with no others beside them", () => {
    const rows = [entry("sta.ssid", "string", "hall"), entry("sta.pswd", "string", "x")];
    expect(decodeNvs(generateNvs(rows, { size: SIZE })).entries).toHaveLength(2);
  });

  it("takes a key of 15 bytes in UTF-8", () => {
    const image = generateNvs([entry("schlüsselchen!", "u8", 1)], { size: SIZE });
    expect(decodeNvs(image).entries[0]!.key).toBe("schlüsselchen!");
  });
});

function crcHex(bytes: Uint8Array): string {
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(nvsCrc32(bytes));
  return crc.toString("hex");
}

describe("the page layout, quirks of Espressif's tool included", () => {
  it("fills a page with 126 entries before it begins the next", () => {
    const image = generateNvs(integers(126), { size: SIZE });
    expect([placeOf(image, "k124"), placeOf(image, "k125")]).toEqual([
      [0, 125],
      [1, 0],
    ]);
  });

  it("moves a string on that would end with its page", () => {
    const fits = [...integers(122), entry("s", "string", "x")];
    const moves = [...integers(123), entry("s", "string", "x")];
    expect(placeOf(generateNvs(fits, { size: SIZE }), "s")).toEqual([0, 123]);
    expect(placeOf(generateNvs(moves, { size: SIZE }), "s")).toEqual([1, 0]);
  });

  it("writes an empty chunk where one entry is left of a page, and the blob on the next", () => {
    const image = generateNvs([...integers(124), entry("b", "blob", new Uint8Array(10))], { size: SIZE });
    const header = image.subarray(64 + 125 * 32, 4096);
    expect([...header.subarray(0, 4)]).toEqual([1, 0x42, 1, 0]);
    expect([...header.subarray(24, 26)]).toEqual([0, 0]);
    expect(decodeNvs(image).entries.at(-1)!.value).toEqual(new Uint8Array(10));
  });

  it("splits a blob into what is left of each page", () => {
    const value = Uint8Array.from({ length: 9000 }, (_, at) => at & 0xff);
    const image = generateNvs([entry("b", "blob", value)], { size: SIZE });
    // 124 entries beside namespace and header, 125 on the next page, the rest and the index on the third
    expect(decodeNvs(image).pages.map((page) => page.written)).toEqual([126, 126, 35, 0, 0, 0]);
    expect(decodeNvs(image).entries[0]).toMatchObject({ page: 2, entry: 34, value });
  });

  it("keeps a blob in one piece in format version 1", () => {
    const image = generateNvs([entry("b", "blob", new Uint8Array(1984))], { size: SIZE, version: 1 });
    expect(decodeNvs(image).entries[0]).toMatchObject({ blobFormat: 1, entry: 1 });
    expect(decodeNvs(image).pages[0]).toMatchObject({ version: 1, written: 64 });
  });

  it("leaves the last page free, from the size on that the device can write to", () => {
    const full = integers(125 + 126);
    expect(decodeNvs(generateNvs(full, { size: 0x3000 })).pages.map((page) => page.state)).toEqual([
      "full",
      "active",
      "empty",
    ]);
    expect(refusal([...full, entry("more", "u8", 0)], { size: 0x3000 }).hint).toMatch(/0x4000 bytes/);
    // smaller ones are for reading only, and used whole
    expect(decodeNvs(generateNvs(full, { size: 0x2000 })).pages.map((page) => page.state)).toEqual([
      "full",
      "active",
    ]);
  });
});

describe("what is refused", () => {
  it.each([
    ["a size that is no multiple of a page", { size: 0x6001 }, /not a multiple of 4096/],
    ["a size of nothing", { size: 0 }, /not a size/],
    ["a size beyond any flash", { size: 0x2000000 }, /16 MiB/],
    ["a version that does not exist", { version: 3 as 2 }, /no NVS format version 3/],
  ])("%s", (_, options, message) => {
    expect(refusal([], options).message).toMatch(message);
  });

  it.each<[string, NvsRow, RegExp]>([
    ["a key of 16 characters", entry("k".repeat(16), "u8", 1), /16 bytes long; NVS allows 15/],
    ["a key of 15 characters that are 16 bytes", entry(`${"k".repeat(14)}ü`, "u8", 1), /16 bytes long/],
    ["an empty key", entry("", "u8", 1), /the key is empty/],
    ["a key with a control character", entry("a\u001bb", "u8", 1), /"a\\u001bb" has a control character/],
    ["an empty namespace", { namespace: "" }, /the namespace is empty/],
    ["a number beyond its type", entry("k", "u8", 256), /does not fit u8 \(0 to 255\)/],
    ["a number below its type", entry("k", "i64", -(2n ** 63n) - 1n), /does not fit i64/],
    ["a fraction", entry("k", "u8", 1.5), /whole number/],
    ["a number that is not exact", entry("k", "u64", 2 ** 60), /given as a bigint/],
    ["text for a number", entry("k", "u8", "1"), /not string/],
    ["a number for a string", entry("k", "string", 1), /not number/],
    ["text for a blob", entry("k", "blob", "x"), /has to be bytes/],
    ["a string with a NUL", entry("k", "string", "a\0b"), /NUL/],
    ["a string that is no Unicode", entry("k", "string", "\ud800"), /not valid Unicode/],
    ["a string that no page holds", entry("k", "string", "x".repeat(3968)), /3969 bytes long; at most 3968/],
    ["a blob with too many chunks", entry("k", "blob", new Uint8Array(508_001)), /at most 508000/],
    ["a type that does not exist", entry("k", "float" as "u8", 1), /"float" is unknown/],
  ])("%s", (_, row, message) => {
    expect(refusal([row]).message).toMatch(message);
  });

  it("a string of the greatest length passes, in each version", () => {
    expect(() => generateNvs([entry("k", "string", "x".repeat(3967))], { size: SIZE })).not.toThrow();
    expect(() =>
      generateNvs([entry("k", "string", "x".repeat(1983))], { size: SIZE, version: 1 }),
    ).not.toThrow();
    expect(refusal([entry("k", "string", "x".repeat(1984))], { version: 1 }).message).toMatch(
      /version 2 allows more/,
    );
  });

  it("a blob of the greatest length passes where its page is its own", () => {
    const value = new Uint8Array(508_000);
    expect(refusal([entry("k", "blob", value)], { size: 0x100000 }).message).toMatch(/more than 127 chunks/);
    expect(() => generateNvs([entry("k", "blob", value.subarray(64))], { size: 0x100000 })).not.toThrow();
  });

  it("a key twice in its namespace, whatever stands between", () => {
    const rows = [entry("k", "u8", 1), entry("k", "u8", 1, "other"), entry("k", "string", "x")];
    expect(refusal(rows).message).toBe("n/k is there twice; the library would find only one");
  });

  it("a 255th namespace", () => {
    const spaces = Array.from({ length: 254 }, (_, n) => ({ namespace: `s${n}` }));
    expect(decodeNvs(generateNvs(spaces, { size: SIZE })).namespaces).toHaveLength(254);
    expect(refusal([...spaces, { namespace: "more" }]).message).toMatch(
      /namespace 255; NVS has room for 254/,
    );
  });

  it("everything at once, and never with a value in the message", () => {
    const error = refusal([
      entry("a", "u8", 300),
      entry("b", "string", "secret\0word"),
      entry("c", "u8", "hunter2"),
      entry("c", "u8", 1),
    ]);
    expect(error.message.split("\n")).toHaveLength(4);
    expect(error.message).not.toMatch(/300|secret|hunter2/);
  });

  it("a partition too small for its entries, with the size that would do", () => {
    const error = refusal([entry("b", "blob", new Uint8Array(30_000))]);
    expect(error.hint).toMatch(/0x9000 bytes/);
    expect(() => generateNvs([entry("b", "blob", new Uint8Array(30_000))], { size: 0x9000 })).not.toThrow();
    expect(refusal([entry("b", "blob", new Uint8Array(30_000))], { size: 0x8000 }).hint).toMatch(
      /0x9000 bytes/,
    );
  });
});
