// Generated inputs for the differential test: rows of Espressif's CSV, mostly good, now and then with a flaw.
import fc from "fast-check";

export interface Row {
  key: string;
  type: string;
  encoding: string;
  value: string;
}

export interface NvsCase {
  rows: Row[];
  size: number;
  version: 1 | 2;
  /** 128 hexadecimal digits. */
  key?: string;
  /** Whether Espressif's tool gets a CSV, or the rows through its functions. */
  asCsv: boolean;
}

/** Lengths that fall on both sides of every boundary of the format, and others. */
const length = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 100 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1900, max: 2000 }) },
  { weight: 3, arbitrary: fc.integer({ min: 3800, max: 4064 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4000, max: 13000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 252 }).map((entries) => entries * 32) },
);

const name = fc.oneof(
  { weight: 40, arbitrary: fc.integer({ min: 0, max: 9999 }).map((n) => `key${n}`) },
  { weight: 6, arbitrary: fc.string({ minLength: 1, maxLength: 15 }) },
);

const oddName = fc.oneof(
  fc.string({ maxLength: 18, unit: "binary" }),
  fc.constantFrom("sta.ssid", "sta.pswd", "ap.ssid", "ap.passwd", "ap.authmode", "key0"),
);

const text = fc.oneof(
  { weight: 5, arbitrary: fc.string({ maxLength: 60 }) },
  { weight: 2, arbitrary: fc.string({ maxLength: 60, unit: "binary" }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "a,b", 'say "hi"', "two\nlines", "one\n#two", "a\r\nb", " spaces ", "#x"),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(length, fc.constantFrom("a", "é", "\u{1f331}")).map(([n, unit]) => repeatTo(unit, n)),
  },
);

function repeatTo(unit: string, bytes: number): string {
  return unit.repeat(Math.floor(bytes / Buffer.byteLength(unit)));
}

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 80 }).map((value) => Buffer.from(value)),
  fc.tuple(length, fc.integer({ min: 0, max: 255 })).map(([n, byte]) => Buffer.alloc(n, byte)),
);

const RANGES = { 8: 8n, 16: 16n, 32: 32n, 64: 64n };
const integer = fc
  .tuple(
    fc.constantFrom(8, 16, 32, 64),
    fc.boolean(),
    fc.integer({ min: 0, max: 400 }),
    fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n),
  )
  .map(([bits, signed, kind, any]) => {
    const width = RANGES[bits as 8 | 16 | 32 | 64];
    const value =
      kind === 0 ? any : signed ? BigInt.asIntN(Number(width), any) : BigInt.asUintN(Number(width), any);
    const edges = signed ? [-(2n ** (width - 1n)), 2n ** (width - 1n) - 1n] : [0n, 2n ** width - 1n];
    return {
      encoding: `${signed ? "i" : "u"}${bits}`,
      value: String(kind === 0 ? value : kind < 70 ? edges[0] : kind < 140 ? edges[1] : value),
    };
  });

const fill = fc
  .tuple(
    fc.constantFrom("blob_fill", "blob_sz_fill"),
    length,
    fc.integer({ min: 0, max: 255 }),
    fc.string({ maxLength: 12 }),
  )
  .map(([kind, n, byte, value]) => ({
    encoding: `${kind}(${n};0x${byte.toString(16).padStart(2, "0")})`,
    value: n % 50 === 0 ? value : value.slice(0, n),
  }));

const goodValue = fc.oneof(
  { weight: 8, arbitrary: integer },
  { weight: 6, arbitrary: text.map((value) => ({ encoding: "string", value })) },
  { weight: 3, arbitrary: bytes.map((value) => ({ encoding: "hex2bin", value: value.toString("hex") })) },
  { weight: 2, arbitrary: bytes.map((value) => ({ encoding: "base64", value: value.toString("base64") })) },
  { weight: 1, arbitrary: fc.string({ maxLength: 90 }).map((value) => ({ encoding: "binary", value })) },
  { weight: 2, arbitrary: fill },
);

const flawedValue = fc.oneof(
  fc.record({
    encoding: fc.constantFrom("u8", "i16", "hex2bin", "base64", "string", "binary", "float", ""),
    value: text,
  }),
  fc.record({
    encoding: fc.constantFrom(
      "String",
      "HEX2BIN",
      "Base64",
      "U8",
      "Binary",
      "BLOB_FILL(3;0x00)",
      "blob_fill(x;0x00)",
      "blob_fill(3;0x00)x",
    ),
    value: fc.constantFrom("", "12", "YWJj", "abcd"),
  }),
  fc.constantFrom(
    { encoding: "u32", value: "1_000" },
    { encoding: "u8", value: "0x10" },
    { encoding: "i8", value: " +7 " },
    { encoding: "u16", value: "007" },
    { encoding: "u8", value: "\u0663" },
    { encoding: "base64", value: "YW Jj" },
    { encoding: "base64", value: "YQ==YQ==" },
    { encoding: "base64", value: "YQ" },
    { encoding: "base64", value: "Y!WJj" },
    { encoding: "hex2bin", value: " abcd " },
    { encoding: "hex2bin", value: "abc" },
    { encoding: "string", value: "a\0b" },
  ),
);

const namespaceRow = fc
  .integer({ min: 0, max: 400 })
  .map((n) => ({ key: `space${n}`, type: "namespace", encoding: "", value: "" }));

const goodRow: fc.Arbitrary<Row> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.tuple(name, goodValue).map(([key, value]) => ({ key, type: "data", ...value })),
  },
  { weight: 1, arbitrary: namespaceRow },
);

const flawedRow: fc.Arbitrary<Row> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.tuple(name, flawedValue).map(([key, value]) => ({ key, type: "data", ...value })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(oddName, goodValue).map(([key, value]) => ({ key, type: "data", ...value })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(oddName, fc.constantFrom("namespace", "Data", "", "blob"))
      .map(([key, type]) => ({ key, type, encoding: "u8", value: "1" })),
  },
);

const rows = fc.oneof(
  { weight: 12, arbitrary: fc.array(goodRow, { maxLength: 14, size: "max" }) },
  {
    weight: 3,
    arbitrary: fc.array(fc.oneof({ weight: 5, arbitrary: goodRow }, { weight: 1, arbitrary: flawedRow }), {
      maxLength: 14,
      size: "max",
    }),
  },
  // very many small rows, to fill pages with entries rather than with bytes
  {
    weight: 1,
    arbitrary: fc.array(
      fc.tuple(name, integer).map(([key, value]) => ({ key, type: "data", ...value })),
      { minLength: 100, maxLength: 400, size: "max" },
    ),
  },
  // and very many namespaces
  { weight: 1, arbitrary: fc.array(namespaceRow, { minLength: 100, maxLength: 700, size: "max" }) },
);

const opening: Row = { key: "first", type: "namespace", encoding: "", value: "" };

export const nvsCase: fc.Arbitrary<NvsCase> = fc
  .record({
    rows,
    opened: fc.integer({ min: 0, max: 30 }).map((n) => n > 0),
    size: fc
      .oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 6, max: 20 }))
      .map((pages) => pages * 0x1000),
    version: fc.constantFrom(1 as const, 2 as const, 2 as const, 2 as const),
    key: fc.option(fc.uint8Array({ minLength: 64, maxLength: 64 }), { freq: 3, nil: undefined }),
    asCsv: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  })
  .map(({ rows: list, opened, key, ...rest }) => ({
    ...rest,
    rows: opened ? [opening, ...list] : list,
    // halves that are the same are no XTS key
    ...(key !== undefined &&
      !key.subarray(0, 32).every((byte, at) => byte === key[at + 32]) && {
        key: Buffer.from(key).toString("hex"),
      }),
  }));

/** The rows as a CSV, every field quoted. */
export function toCsv(list: readonly Row[]): string {
  const field = (value: string) => `"${value.replaceAll('"', '""')}"`;
  const lines = list.map(({ key, type, encoding, value }) =>
    [key, type, encoding, value].map(field).join(","),
  );
  return ["key,type,encoding,value", ...lines].map((line) => `${line}\n`).join("");
}
