import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readLayout } from "../../../builders/nvs/batch/layout.ts";
import { type BatchOptions, runBatch } from "../../../builders/nvs/batch/run-batch.ts";
import { decodeNvs } from "../../../builders/nvs/decode.ts";
import { decryptNvs, nvsKeysFromHmac, readKeyPartition } from "../../../builders/nvs/encrypt.ts";
import type { Problem } from "../../../model/problem.ts";

const CONFIG =
  "wifi,namespace,\nssid,data,string,REPEAT\npassword,data,string\ncal,namespace,\ngain,data,i16\nfill,data,blob_fill(4;0xff)\n";
const VALUES = "id,ssid,password,note,gain,fill\nA1,hall,one,x,-12,\nA2,,two,y,12,ab\n";

let outdir: string;
beforeEach(() => {
  outdir = mkdtempSync(join(tmpdir(), "edgeflock-batch-"));
});
afterEach(() => rmSync(outdir, { recursive: true }));

function layout(content = CONFIG) {
  const problems: Problem[] = [];
  const items = readLayout({ file: "config.csv", content }, problems);
  if (problems.length > 0)
    throw new Error(problems.map(({ line, message }) => `${line}: ${message}`).join("\n"));
  return items;
}

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
}

function batch(values = VALUES, options: Partial<BatchOptions> = {}) {
  return runBatch({
    layout: layout(),
    values: pieces(values),
    valuesFile: "values.csv",
    outdir,
    prefix: "cam",
    fileId: "id",
    size: 0x3000,
    version: 2,
    keys: { kind: "none" },
    overwrite: false,
    checkOnly: false,
    readFile: () => new Uint8Array(),
    ...options,
  });
}

function files(folder: string): string[] {
  return readdirSync(join(outdir, folder)).sort();
}

function settings(file: string, open = (image: Uint8Array) => image): string[] {
  return decodeNvs(open(readFileSync(join(outdir, "bin", file)))).entries.map(
    ({ namespace, key, value }) =>
      `${namespace}/${key}=${value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value}`,
  );
}

describe("a batch from mfg_gen's files", () => {
  it("makes an image of each line, in the layout of the configuration", async () => {
    expect(await batch()).toEqual({ written: 2, unchanged: 0 });
    expect(files("bin")).toEqual(["cam-A1.bin", "cam-A2.bin"]);
    expect(settings("cam-A1.bin")).toEqual([
      "wifi/ssid=hall",
      "wifi/password=one",
      "cal/gain=-12",
      "cal/fill=ffffffff",
    ]);
    expect(settings("cam-A2.bin")).toEqual([
      "wifi/ssid=hall",
      "wifi/password=two",
      "cal/gain=12",
      "cal/fill=6162ffff",
    ]);
  });

  it("leaves nothing behind but images, which only their owner can read", async () => {
    await batch();
    expect(readdirSync(outdir)).toEqual(["bin"]);
    expect(statSync(join(outdir, "bin", "cam-A1.bin")).mode & 0o777).toBe(0o600);
  });

  it("numbers the files where no column names them, and counts where asked", async () => {
    await runWithout("fileId", { prefixNumber: { start: 7, digits: 4 } });
    expect(files("bin")).toEqual(["cam-0007-1.bin", "cam-0008-2.bin"]);
  });

  it("takes the columns of a key that two namespaces have in their order", async () => {
    const config = "a,namespace,\nk,data,u8\nb,namespace,\nk,data,u8\n";
    await batch("id,k,k\nA1,1,2\n", { layout: layout(config) });
    expect(settings("cam-A1.bin")).toEqual(["a/k=1", "b/k=2"]);
  });

  it("takes one file whose columns say it all", async () => {
    const { layout: _, ...rest } = { layout: undefined };
    await runWithout("layout", rest, "id,wifi/ssid:string,cal/gain:i16,note\nA1,hall,-12,x\n");
    expect(settings("cam-A1.bin")).toEqual(["wifi/ssid=hall", "cal/gain=-12"]);
  });
});

async function runWithout(left: "fileId" | "layout", options: Partial<BatchOptions>, values = VALUES) {
  const all = {
    layout: layout(),
    values: pieces(values),
    valuesFile: "values.csv",
    outdir,
    prefix: "cam",
    fileId: "id",
    size: 0x3000,
    version: 2 as const,
    keys: { kind: "none" as const },
    overwrite: false,
    checkOnly: false,
    readFile: () => new Uint8Array(),
    ...options,
  };
  delete (all as Partial<BatchOptions>)[left];
  return runBatch(all);
}

describe("running it again", () => {
  it("goes on where it stopped, and changes nothing that is there", async () => {
    await batch(VALUES.split("\n").slice(0, 2).join("\n"));
    const before = statSync(join(outdir, "bin", "cam-A1.bin"));
    expect(await batch()).toEqual({ written: 1, unchanged: 1 });
    expect(statSync(join(outdir, "bin", "cam-A1.bin")).ino).toBe(before.ino);
  });

  it("keeps the keys that a device has, so that its image comes out the same", async () => {
    const keys = { kind: "own" as const };
    await batch(VALUES, { keys });
    const image = readFileSync(join(outdir, "bin", "cam-A2.bin"));
    rmSync(join(outdir, "bin", "cam-A2.bin"));
    expect(await batch(VALUES, { keys })).toEqual({ written: 1, unchanged: 1 });
    expect(readFileSync(join(outdir, "bin", "cam-A2.bin")).equals(image)).toBe(true);
  });

  it("refuses to replace an image that differs, unless told to", async () => {
    await batch();
    const changed = VALUES.replace("two", "three");
    await expect(batch(changed)).rejects.toThrow(
      /values\.csv:3:1 .*cam-A2\.bin is there already and differs/,
    );
    expect(await batch(changed, { overwrite: true })).toEqual({ written: 1, unchanged: 1 });
  });

  it("sweeps what a writer that was killed has left, and nothing of living ones", async () => {
    await batch();
    const dead = ".cam-A1.bin.4194999-0123abcd.edgeflock-tmp";
    const alive = `.cam-A1.bin.${process.pid}-0123abcd.edgeflock-tmp`;
    for (const name of [dead, alive]) writeFileSync(join(outdir, "bin", name), "half");
    await batch();
    expect(files("bin")).toEqual([alive, "cam-A1.bin", "cam-A2.bin"]);
  });

  it("can be stopped between two lines", async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(batch(VALUES, { signal: stop.signal })).rejects.toThrow(/stopped after 0 images/);
  });

  it("writes nothing where it only checks", async () => {
    expect(await batch(VALUES, { checkOnly: true, keys: { kind: "own" } })).toEqual({
      written: 2,
      unchanged: 0,
    });
    expect(readdirSync(outdir)).toEqual([]);
  });
});

describe("keys of a batch", () => {
  it("are each device's own, beside the images", async () => {
    await batch(VALUES, { keys: { kind: "own" } });
    expect(files("keys")).toEqual(["keys-cam-A1.bin", "keys-cam-A2.bin"]);
    const [one, two] = files("keys").map((name) =>
      readKeyPartition(readFileSync(join(outdir, "keys", name))),
    );
    expect(Buffer.compare(one!.encryption, two!.encryption)).not.toBe(0);
    expect(settings("cam-A2.bin", (image) => decryptNvs(image, two!))).toContain("wifi/password=two");
    expect(statSync(join(outdir, "keys", "keys-cam-A1.bin")).mode & 0o777).toBe(0o600);
  });

  it("are derived from HMAC keys of their own", async () => {
    await batch(VALUES, { keys: { kind: "own hmac" } });
    const hmac = readFileSync(join(outdir, "keys", "hmac-keys-cam-A1.bin"));
    expect(settings("cam-A1.bin", (image) => decryptNvs(image, nvsKeysFromHmac(hmac)))).toContain(
      "wifi/password=one",
    );
  });
});

describe("mistakes", () => {
  it("are all reported with their lines; the good lines become images", async () => {
    const values = `${VALUES}A3,,three,z,99999,\nA4,other,four,z,1,\nA1,,five,z,1,\n../evil,,six,z,1,\nA7,too,few\n`;
    await expect(batch(values)).rejects.toThrow(
      /values\.csv:4:1 n?.*cal\/gain.*\nvalues\.csv:5:1 wifi\/ssid: .*REPEAT.*\nvalues\.csv:6:1 another line has the id "A1" too\nvalues\.csv:7:1 "\.\.\/evil" cannot name a file.*\nvalues\.csv:8:1 the row has 3 fields/,
    );
    expect(files("bin")).toEqual(["cam-A1.bin", "cam-A2.bin"]);
  });

  it.each([
    [
      "a column that is missing",
      "id,ssid\nA1,x\n",
      {},
      /no column for the key "password".*\n.*"gain".*\n.*"fill"/,
    ],
    ["an id column that is missing", VALUES, { fileId: "serail" }, /no column "serail" to name the files by/],
    ["an empty file", "", {}, /values\.csv is empty/],
    ["a prefix that is a path", VALUES, { prefix: "../x" }, /the prefix "\.\.\/x" cannot name a file/],
    ["a size that cannot be", VALUES, { size: 100 }, /not a multiple of 4096/],
  ])("%s stops it before anything is written", async (_, values, options, message) => {
    await expect(batch(values, options)).rejects.toThrow(message);
    expect(readdirSync(outdir)).toEqual([]);
  });

  it("of the configuration are reported with their lines", () => {
    expect(() => layout("k,data,u8\nn,namespace,\nk,dta,u8\nk,data,float\nk,data,u8,AGAIN\n")).toThrow(
      /^1: .*before any namespace.*\n3: .*"dta".*\n4: .*"float".*\n5: .*only be REPEAT$/,
    );
  });

  it("never quote a value", async () => {
    const failure = await batch("id,ssid,password,note,gain,fill\nA1,x,hunter2\0,y,hunter2,\n").catch(
      (error) => error,
    );
    expect(String(failure.message)).toMatch(/cal\/gain/);
    expect(String(failure.message)).not.toMatch(/hunter2/);
  });
});
