import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entriesToCsv, generateNvsFromCsv, readNvsCsv } from "../../../builders/nvs/csv.ts";
import { CsvReader, readCsv } from "../../../builders/nvs/csv-reader.ts";
import { generateNvs } from "../../../builders/nvs/generate.ts";
import { validEntries } from "./support/damage.ts";

function rows(content: string | Uint8Array, readFile: (path: string) => Uint8Array = () => new Uint8Array()) {
  return readNvsCsv([{ file: "in.csv", content }], readFile);
}

const HEADER = "key,type,encoding,value\n";

describe("reading Espressif's CSV", () => {
  it("takes comments, empty lines, quotes and columns in any order", () => {
    const text = `# a comment\nvalue,key,type,encoding\n\n,n,namespace,\n#,x,data,u8\n"a ""b"", c",k,data,string\n`;
    expect(rows(text)).toEqual([
      { row: { namespace: "n" }, file: "in.csv", line: 4 },
      { row: { namespace: "n", key: "k", type: "string", value: 'a "b", c' }, file: "in.csv", line: 6 },
    ]);
  });

  it("takes quotes within an unquoted value as they are", () => {
    expect(rows(`${HEADER}n,namespace,,\nk,data,string,{"a":1}\n`)[1]!.row).toMatchObject({
      value: '{"a":1}',
    });
  });

  it.each([
    ["u8", "255", "u8", 255],
    ["i8", " -128 ", "i8", -128],
    ["u64", "18446744073709551615", "u64", 2n ** 64n - 1n],
    ["i16", "+007", "i16", 7],
    ["string", "", "string", ""],
    ["hex2bin", " 0aFF ", "blob", Buffer.from([0x0a, 0xff])],
    ["base64", "AAEC", "blob", Buffer.from([0, 1, 2])],
    ["binary", "é", "blob", Buffer.from("é")],
    ["blob_fill(4;0xaa)", "hi", "blob", Buffer.from("6869aaaa", "hex")],
    ["blob_sz_fill(4;0x00)", "hi", "blob", Buffer.from("0200000068690000", "hex")],
  ])("reads %s %j", (encoding, text, type, value) => {
    const [, placed] = rows(`${HEADER}n,namespace,,\nk,data,${encoding},${text}\n`);
    expect(placed!.row).toMatchObject({ type });
    const found = (placed!.row as { value: unknown }).value;
    expect(found instanceof Uint8Array ? Buffer.from(found) : found).toEqual(value);
  });

  it("takes a value from the file that a row names", () => {
    const files: Record<string, string> = {
      "ca.pem": "-----BEGIN",
      "number.txt": "12\n",
      "bytes.b64": "AAEC\nAwQF\n",
    };
    const text = `${HEADER}n,namespace,,\nca,file,string,ca.pem\nno,file,u8,number.txt\nb,file,base64,bytes.b64\nraw,file,binary,ca.pem\n`;
    const read = rows(text, (path) => Buffer.from(files[path]!)).map(({ row }) =>
      "value" in row ? row.value : "",
    );
    expect(read.slice(1, 3)).toEqual(["-----BEGIN", 12]);
    expect(Buffer.from(read[3] as Uint8Array)).toEqual(Buffer.from([0, 1, 2, 3, 4, 5]));
    expect(Buffer.from(read[4] as Uint8Array)).toEqual(Buffer.from("-----BEGIN"));
  });

  it("carries a namespace on into the next file", () => {
    const first = { file: "a.csv", content: `${HEADER}n,namespace,,\n` };
    const second = { file: "b.csv", content: `${HEADER}k,data,u8,1\n` };
    expect(readNvsCsv([first, second], () => new Uint8Array())[1]).toMatchObject({
      file: "b.csv",
      row: { namespace: "n" },
    });
  });

  it("reports everything that is wrong at once, by line, and no values", () => {
    const text = `${HEADER}n,namespace,,\na,data,u8,secret1\nb,data,hex2bin,secret2\nc,dat,u8,1\nd,data,float,1\ne,file,binary,gone\nf,data\ng,data,u8,999\n`;
    const missing = () => {
      throw Object.assign(new Error("no"), { code: "ENOENT" });
    };
    const attempt = () =>
      generateNvsFromCsv([{ file: "in.csv", content: text }], { size: 0x3000, readFile: missing });
    expect(attempt).toThrow(
      /in\.csv:3:1 a: .*\nin\.csv:4:1 b: .*\nin\.csv:5:1 c: .*\nin\.csv:6:1 d: .*\nin\.csv:7:1 e: .*ENOENT\nin\.csv:8:1 .*\nin\.csv:9:1 n\/g: .*\n7 problems/,
    );
    expect(attempt).not.toThrow(/secret|999/);
  });

  it.each([
    ["nothing", "", /the file is empty/],
    ["a header that lacks a column", "key,type,value\n", /it lacks encoding/],
    ["a header that names a column twice", "key,type,encoding,value,key\n", /key is named twice/],
    [
      "a quote that is not closed",
      `${HEADER}n,namespace,,\nk,data,string,"abc\n`,
      /in\.csv:3:1 a quote is opened and never closed/,
    ],
    ["what is no UTF-8", Buffer.from([0xff, 0xfe, 0x00]), /no UTF-8 text/],
  ])("refuses %s", (_, content, message) => {
    expect(() => rows(content)).toThrow(message);
  });
});

describe("splitting CSV", () => {
  const odd = fc.string({
    unit: fc.constantFrom("a", ",", '"', "\n", "\r", "#", "\r\n", "é"),
    maxLength: 60,
  });

  it("gives the same rows and mistakes however the text is cut into pieces", () => {
    fc.assert(
      fc.property(odd, fc.array(fc.nat(60), { maxLength: 5 }), (text, cuts) => {
        const reader = new CsvReader();
        const places = [...new Set([0, ...cuts.map((cut) => Math.min(cut, text.length)), text.length])].sort(
          (a, b) => a - b,
        );
        const pieces = places.slice(1).map((end, at) => text.slice(places[at], end));
        const found = [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()];
        expect({ rows: found, mistakes: reader.mistakes }).toEqual(readCsv(text));
      }),
      { numRuns: 2000 },
    );
  });

  it("gives up on a row beyond 4 MiB rather than keep all that follows", () => {
    const reader = new CsvReader();
    for (let at = 0; at < 6; at++) reader.push(`"${"x".repeat(1024 * 1024)}`.slice(at === 0 ? 0 : 1));
    expect(reader.mistakes[0]).toMatchObject({
      line: 1,
      message: expect.stringMatching(/longer than 4 MiB/),
    });
  });
});

describe("writing Espressif's CSV", () => {
  it("makes what reads back to the same image, for any valid entries", () => {
    fc.assert(
      fc.property(validEntries, (entries) => {
        const content = entriesToCsv(entries);
        const image = generateNvsFromCsv([{ file: "x", content }], {
          size: 0x40000,
          readFile: () => new Uint8Array(),
        });
        expect(Buffer.compare(image, generateNvs(entries, { size: 0x40000 }))).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it("quotes what a reader would take for something else", () => {
    const entries = [
      { namespace: "#n", key: "k,1", type: "string" as const, value: 'a "b"\nc' },
      { namespace: "#n", key: "blob", type: "blob" as const, value: new Uint8Array([0, 255]) },
    ];
    expect(entriesToCsv(entries)).toBe(
      `${HEADER}"#n",namespace,,\n"k,1",data,string,"a ""b""\nc"\nblob,data,base64,AP8=\n`,
    );
  });
});
