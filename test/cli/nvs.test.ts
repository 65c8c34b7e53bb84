import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { decodeNvs } from "../../builders/nvs/decode.ts";
import { nvsPartitionGenCommand } from "../../toolchain/python.ts";

const MAIN = fileURLToPath(new URL("../../bin/edgeflock.mjs", import.meta.url));
const CSV =
  "key,type,encoding,value\nwifi,namespace,,\nssid,data,string,hall\npassword,data,string,hunter2\nchannel,data,u8,11\n";

let root: string;
let folder: string;
let espressif: string[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "edgeflock-nvs-cli-"));
  espressif = await nvsPartitionGenCommand();
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = mkdtempSync(join(root, "case-"));
  writeFileSync(join(folder, "in.csv"), CSV);
});

interface Ran {
  code: number | null;
  out: string;
  bytes: Buffer;
  err: string;
}

function edgeflock(args: string[], input?: string | Uint8Array): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, "nvs", ...args], {
    cwd: folder,
    input,
  });
  return { code: status, out: stdout.toString(), bytes: stdout, err: stderr.toString() };
}

function theirs(args: string[]): void {
  const [command, ...first] = espressif;
  const { status, stderr } = spawnSync(command!, [...first, ...args], { cwd: folder });
  if (status !== 0) throw new Error(stderr.toString());
}

function file(...path: string[]): Buffer {
  return readFileSync(join(folder, ...path));
}

describe("with the arguments of Espressif's tool, by changing one word", () => {
  it("generate makes the same file", () => {
    const args = ["generate", "in.csv", "out.bin", "0x6000", "--version", "1", "--outdir", "made"];
    theirs([...args.slice(0, -1), "theirs"]);
    expect(edgeflock(args)).toMatchObject({ code: 0, out: "" });
    expect(file("made", "out.bin").equals(file("theirs", "out.bin"))).toBe(true);
    expect(statSync(join(folder, "made", "out.bin")).mode & 0o777).toBe(0o600);
  });

  it("encrypt makes the same file under the same key, and decrypt undoes theirs", () => {
    edgeflock(["generate-key", "--keyfile", "k.bin"]);
    const args = ["encrypt", "in.csv", "ours.bin", "0x6000", "--inputkey", "keys/k.bin"];
    expect(edgeflock(args).code).toBe(0);
    theirs(args.map((word) => (word === "ours.bin" ? "theirs.bin" : word)));
    expect(file("ours.bin").equals(file("theirs.bin"))).toBe(true);
    expect(edgeflock(["decrypt", "theirs.bin", "keys/k.bin", "plain.bin"]).code).toBe(0);
    theirs(["decrypt", "ours.bin", "keys/k.bin", "their-plain.bin"]);
    expect(file("plain.bin").equals(file("their-plain.bin"))).toBe(true);
  });

  it("generate-key derives the same keys from an HMAC key", () => {
    const made = edgeflock(["generate-key", "--keyfile", "a", "--key_protect_hmac", "--kp_hmac_keygen"]);
    expect(made.code).toBe(0);
    expect(file("keys", "hmac-a.bin")).toHaveLength(32);
    theirs(["generate-key", "--keyfile", "b", "--key_protect_hmac", "--kp_hmac_inputkey", "keys/hmac-a.bin"]);
    expect(file("keys", "a.bin").equals(file("keys", "b.bin"))).toBe(true);
  });
});

describe("edgeflock nvs", () => {
  it("reads standard input and writes standard output where a file is -", () => {
    const made = edgeflock(["generate", "-", "-", "0x3000"], CSV);
    expect(decodeNvs(made.bytes).entries).toHaveLength(3);
    const shown = edgeflock(["decode", "-", "--json", "--show-values"], made.bytes);
    expect(JSON.parse(shown.out).entries[1]).toMatchObject({
      namespace: "wifi",
      key: "password",
      value: "hunter2",
    });
  });

  it("hides values unless they are asked for", () => {
    edgeflock(["generate", "in.csv", "a.bin", "0x3000"]);
    edgeflock(["generate", "-", "b.bin", "0x3000"], CSV.replace("hunter2", "hunter3"));
    for (const args of [
      ["decode", "a.bin"],
      ["decode", "a.bin", "--json"],
      ["diff", "a.bin", "b.bin"],
      ["diff", "a.bin", "b.bin", "--json"],
    ]) {
      const ran = edgeflock(args);
      expect(ran.out).toMatch(/password/);
      expect(ran.out + ran.err).not.toMatch(/hunter/);
    }
    expect(edgeflock(["decode", "a.bin", "--csv"])).toMatchObject({ code: 1, out: "" });
    expect(edgeflock(["decode", "a.bin", "--csv", "--show-values"]).out).toBe(CSV);
  });

  it("diff says by its exit code whether images differ", () => {
    edgeflock(["generate", "in.csv", "a.bin", "0x3000"]);
    edgeflock(["generate", "in.csv", "b.bin", "0x4000"]);
    edgeflock(["generate", "-", "c.bin", "0x3000"], CSV.replace("11", "12"));
    expect(edgeflock(["diff", "a.bin", "b.bin"])).toMatchObject({ code: 0, out: "" });
    expect(edgeflock(["diff", "a.bin", "c.bin"])).toMatchObject({ code: 1, out: "~ wifi/channel u8\n" });
    expect(edgeflock(["diff", "a.bin", "gone.bin"])).toMatchObject({ code: 2, out: "" });
  });

  it("decode tells damage by exit code 2, and what text an image holds cannot act on the terminal", () => {
    const image = edgeflock(["generate", "-", "-", "0x3000"], CSV.replace("hall", "a\u001b[31mb")).bytes;
    const shown = edgeflock(["decode", "-", "--show-values"], image);
    expect(shown.code).toBe(0);
    expect(shown.out).toMatch(/a\\u001b\[31mb/);
    image[64 + 32 + 24]! ^= 1;
    expect(edgeflock(["decode", "-", "--pages"], image)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/page 0, entry 1/),
    });
  });

  it("refuses mistakes with exit code 1, their place, and no file", () => {
    const wrong = edgeflock(["generate", "-", "out.bin", "0x3000"], `${CSV}channel,data,u8,300\n`);
    expect(wrong).toMatchObject({ code: 1, out: "" });
    expect(wrong.err).toMatch(/standard input:6:1 wifi\/channel: .*there twice/);
    expect(wrong.err).toMatch(/does not fit u8/);
    expect(wrong.err).not.toMatch(/\n {4}at /);
    expect(existsSync(join(folder, "out.bin"))).toBe(false);
    expect(edgeflock(["generate", "in.csv", "out.bin", "lots"])).toMatchObject({ code: 1 });
    expect(edgeflock(["generate", "gone.csv", "out.bin", "0x3000"]).err).toMatch(
      /cannot read gone\.csv: there is no such file/,
    );
  });

  it("does not write over keys that are there", () => {
    edgeflock(["generate-key", "--keyfile", "k"]);
    const before = file("keys", "k.bin");
    expect(edgeflock(["encrypt", "in.csv", "out.bin", "0x3000", "--keygen", "--keyfile", "k"])).toMatchObject(
      { code: 1 },
    );
    expect(file("keys", "k.bin").equals(before)).toBe(true);
    expect(existsSync(join(folder, "out.bin"))).toBe(false);
    expect(
      edgeflock(["encrypt", "in.csv", "out.bin", "0x3000", "--keygen", "--keyfile", "k", "--force"]).code,
    ).toBe(0);
    expect(file("keys", "k.bin").equals(before)).toBe(false);
  });

  it.each(["generate", "encrypt", "decrypt", "generate-key", "decode", "diff", "batch"])(
    "%s --help teaches by example",
    (name) => {
      expect(edgeflock([name, "--help"]).out).toMatch(new RegExp(`edgeflock nvs ${name} `));
    },
  );
});

describe("edgeflock nvs batch", () => {
  const DEVICES = 6000;
  const ARGS = ["batch", "--size", "0x3000", "--fileid", "id", "--keygen", "--outdir", "out", "fleet.csv"];

  function writeFleet(): void {
    const rows = Array.from({ length: DEVICES }, (_, n) => `d${n},hall,hunter${n}\n`).join("");
    writeFileSync(join(folder, "fleet.csv"), `id,wifi/ssid:string,wifi/password:string\n${rows}`);
  }

  function start(): ChildProcess {
    return spawn(process.execPath, [MAIN, "nvs", ...ARGS], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
  }

  async function untilImages(child: ChildProcess, count: number): Promise<void> {
    const bin = join(folder, "out", "bin");
    while (child.exitCode === null && !(existsSync(bin) && readdirSync(bin).length >= count)) await wait(5);
  }

  it("goes on after kill -9, with the same images and keys, and leaves nothing half-written", async () => {
    writeFleet();
    const child = start();
    await untilImages(child, 50);
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const first = file("out", "bin", "fleet-d3.bin");
    const key = file("out", "keys", "keys-fleet-d3.bin");
    expect(edgeflock(ARGS)).toMatchObject({ code: 0 });
    expect(readdirSync(join(folder, "out", "bin")).sort()).toEqual(
      Array.from({ length: DEVICES }, (_, n) => `fleet-d${n}.bin`).sort(),
    );
    expect(readdirSync(join(folder, "out", "keys"))).toHaveLength(DEVICES);
    expect(file("out", "bin", "fleet-d3.bin").equals(first)).toBe(true);
    expect(file("out", "keys", "keys-fleet-d3.bin").equals(key)).toBe(true);
    expect(readdirSync(join(folder, "out")).sort()).toEqual(["bin", "keys"]);
  }, 60_000);

  it("stops at Ctrl-C with a sentence, also while it waits for more lines", async () => {
    const args = [...ARGS.slice(0, -1), "-"];
    const child = spawn(process.execPath, [MAIN, "nvs", ...args], {
      cwd: folder,
      stdio: ["pipe", "ignore", "pipe"],
    });
    let err = "";
    child.stderr.on("data", (data) => {
      err += String(data);
    });
    child.stdin.write("id,wifi/password:string\nA1,one\nA2,two\n");
    await untilImages(child, 2);
    child.kill("SIGINT");
    const [code] = (await once(child, "close")) as [number];
    expect([code, err]).toEqual([
      130,
      expect.stringMatching(/stopped after 2 images\n→ run the same command again/),
    ]);
    expect(readdirSync(join(folder, "out", "bin")).sort()).toEqual(["device-A1.bin", "device-A2.bin"]);
  }, 60_000);

  it("takes mfg_gen's arguments", () => {
    writeFileSync(join(folder, "config.csv"), "wifi,namespace,\nssid,data,string,REPEAT\n");
    writeFileSync(join(folder, "values.csv"), "id,ssid\nA,hall\nB,\n");
    const args = [
      "batch",
      "config.csv",
      "values.csv",
      "cam",
      "0x3000",
      "--fileid",
      "id",
      "--prefix_num",
      "1",
      "3",
    ];
    expect(edgeflock(args)).toMatchObject({ code: 0, err: "2 images written\n" });
    expect(readdirSync(join(folder, "bin")).sort()).toEqual(["cam-001-A.bin", "cam-002-B.bin"]);
  });
});
