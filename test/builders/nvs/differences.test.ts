// Each difference of docs/nvs-differences.md by its minimal case: what Espressif's tool does with it, and what
// ours does. If a new release of theirs mends one, this test says so.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateNvsFromCsv } from "../../../builders/nvs/csv.ts";
import { type DecodedNvs, decodeNvs } from "../../../builders/nvs/decode.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { EspressifGenerator } from "./support/espressif-generator.ts";

const HEADER = "key,type,encoding,value\n";

let oracle: EspressifGenerator;
beforeAll(async () => {
  oracle = await EspressifGenerator.start();
});
afterAll(() => oracle?.stop());

interface Case {
  csv: string;
  size?: number;
}

async function theirs({ csv, size = 0x3000 }: Case): Promise<DecodedNvs> {
  const answer = await oracle.generate({ csv, size, version: 2 });
  if ("error" in answer) throw new Error(`their tool refuses: ${answer.error}`);
  return decodeNvs(answer.image);
}

function ours({ csv, size = 0x3000 }: Case): DecodedNvs {
  const sources = [{ file: "in.csv", content: csv }];
  return decodeNvs(generateNvsFromCsv(sources, { size, version: 2, readFile: () => new Uint8Array() }));
}

function refusal(one: Case): string {
  try {
    ours(one);
  } catch (error) {
    if (error instanceof VisibleError) return error.message;
    throw error;
  }
  throw new Error("ours takes it");
}

function read({ entries }: DecodedNvs): string[] {
  return entries.map(({ namespace, key, value }) => {
    return `${namespace}/${key}=${value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value}`;
  });
}

describe("where theirs makes something else than the rows say", () => {
  it("a namespace that is opened again gets the later keys", async () => {
    const one = { csv: `${HEADER}A,namespace,,\nB,namespace,,\nA,namespace,,\nk,data,u8,1\n` };
    expect(read(await theirs(one))).toEqual(["B/k=1"]);
    expect(read(ours(one))).toEqual(["A/k=1"]);
  });

  it("keys named like the Wi-Fi driver's bring no others along", async () => {
    const one = { csv: `${HEADER}mine,namespace,,\nsta.ssid,data,string,x\n` };
    expect((await theirs(one)).entries.map(({ key }) => key)).toEqual([
      "sta.ssid",
      "sta.apinfo",
      "sta.pmk",
      "sta.apsw",
    ]);
    expect(read(ours(one))).toEqual(["mine/sta.ssid=x"]);
  });

  it("a line of a quoted value that begins with # is part of the value", async () => {
    const one = { csv: `${HEADER}n,namespace,,\nk,data,string,"a\n#b\nc"\n` };
    expect(read(await theirs(one))).toEqual(["n/k=a\nc"]);
    expect(read(ours(one))).toEqual(["n/k=a\n#b\nc"]);
  });

  it("a carriage return within quotes stays, in a file whose lines end with LF", async () => {
    const one = { csv: `${HEADER}n,namespace,,\nk,data,string,"a\r\nb"\n` };
    expect(read(await theirs(one))).toEqual(["n/k=a\nb"]);
    expect(read(ours(one))).toEqual(["n/k=a\r\nb"]);
    // in a file from Windows both read it as LF
    const windows = { csv: one.csv.replaceAll("\r\n", "\n").replaceAll("\n", "\r\n") };
    expect(read(ours(windows))).toEqual(read(await theirs(windows)));
  });

  it("the letter case of an encoding does not matter", async () => {
    const one = { csv: `${HEADER}n,namespace,,\nk,data,HEX2BIN,0aff\n` };
    expect(read(await theirs(one))).toEqual([`n/k=${Buffer.from("0aff").toString("hex")}`]);
    expect(read(ours(one))).toEqual(["n/k=0aff"]);
    const text = { csv: `${HEADER}n,namespace,,\nk,data,String,x\n` };
    expect((await theirs(text)).problems.map(({ message }) => message).join()).toMatch(
      /does not end with NUL/,
    );
    expect(ours(text).problems).toEqual([]);
  });

  it("binary text beyond ASCII has its length in bytes", async () => {
    const one = { csv: `${HEADER}n,namespace,,\nk,data,binary,é\n` };
    expect((await theirs(one)).problems).not.toEqual([]);
    expect(read(ours(one))).toEqual(["n/k=c3a9"]);
  });

  it("a key beyond ASCII does not make its page longer where it is the last entry", async () => {
    const before = Array.from({ length: 124 }, (_, n) => `k${n},data,u8,1\n`).join("");
    const one = { csv: `${HEADER}n,namespace,,\n${before}é,data,u8,1\nl,data,u8,2\n` };
    const { problems } = await theirs(one);
    expect(problems.map(({ message }) => message).join()).toMatch(/ends after 1 of the page's 4096 bytes/);
    expect(ours(one).problems).toEqual([]);
    expect(read(ours(one)).slice(-2)).toEqual(["n/é=1", "n/l=2"]);
  });

  it("an image for a read-only partition has all of its pages", async () => {
    const one = { csv: `${HEADER}n,namespace,,\nk,data,u8,1\n`, size: 0x2000 };
    expect((await theirs(one)).pages).toHaveLength(1);
    expect(ours(one).pages.map((page) => page.state)).toEqual(["active", "empty"]);
  });
});

describe("what theirs takes without a word, and ours refuses with its line", () => {
  it.each([
    [
      "a key that is there twice",
      "n,namespace,,\nk,data,u8,1\nk,data,u8,2\n",
      /in\.csv:4:1 n\/k: n\/k is there twice/,
    ],
    ["a key before any namespace", "k,data,u8,1\n", /in\.csv:2:1 k: .*before any namespace/],
    [
      "a type that does not exist",
      "n,namespace,,\nk,dtaa,u8,1\n",
      /in\.csv:3:1 k: the type "dtaa" is unknown.*did you mean "data"/,
    ],
    ["an empty key", "n,namespace,,\n,data,u8,1\n", /in\.csv:3:1 .*the key is empty/],
    [
      "a value cut off at a comma",
      "n,namespace,,\nk,data,string,a,b\n",
      /in\.csv:3:1 .*has 5 fields.*has to be quoted/,
    ],
    [
      "base64 with other characters",
      "n,namespace,,\nk,data,base64,Y!Q==\n",
      /in\.csv:3:1 k: base64 is expected/,
    ],
    ["base64 with something after it", "n,namespace,,\nk,data,base64,YQ==YQ==\n", /base64 is expected/],
    [
      "a number with underscores",
      "n,namespace,,\nk,data,u32,1_000\n",
      /in\.csv:3:1 k: a whole decimal number/,
    ],
    [
      "something after a fill's bracket",
      "n,namespace,,\nk,data,blob_fill(2;0x00)x,\n",
      /blob_fill\(LENGTH;0xNN\)/,
    ],
    [
      "text after a closing quote",
      'n,namespace,,\nk,data,string,"a"b\n',
      /in\.csv:3:1 .*after its closing quote/,
    ],
    ["a string with a NUL", "n,namespace,,\nk,data,string,a\0b\n", /in\.csv:3:1 n\/k: .*NUL/],
    ["a control character in a key", "n,namespace,,\nk\u0007,data,u8,1\n", /control character/],
  ])("%s", async (_, rows, message) => {
    const one = { csv: HEADER + rows };
    await expect(theirs(one)).resolves.toBeDefined();
    expect(refusal(one)).toMatch(message);
  });

  it("a 255th namespace", async () => {
    const rows = Array.from({ length: 255 }, (_, n) => `s${n},namespace,,\n`).join("");
    const one = { csv: HEADER + rows, size: 0x6000 };
    expect((await theirs(one)).problems[0]!.message).toMatch(/index 255, which is reserved/);
    expect(refusal(one)).toMatch(/in\.csv:256:1 .*namespace 255/);
  });
});

describe("where theirs falls over, and ours says what is wrong or goes on", () => {
  it("a file with a byte order mark is read", async () => {
    const one = { csv: `\ufeff${HEADER}n,namespace,,\nk,data,u8,1\n` };
    await expect(theirs(one)).rejects.toThrow("KeyError");
    expect(read(ours(one))).toEqual(["n/k=1"]);
  });

  it("a string of 3968 to 3999 characters, which no page holds, is refused as such", async () => {
    const one = { csv: `${HEADER}n,namespace,,\nk,data,string,${"x".repeat(3968)}\n` };
    await expect(theirs(one)).rejects.toThrow("PageFullError");
    expect(refusal(one)).toMatch(/3969 bytes long; at most 3968 fit/);
  });

  it("a size that is no number is refused, where theirs ends with exit code 0 and no file", async () => {
    await expect(theirs({ csv: HEADER, size: "many" as unknown as number })).rejects.toThrow("SystemExit");
    expect(refusal({ csv: HEADER, size: Number.NaN })).toMatch(/not a size/);
  });
});
