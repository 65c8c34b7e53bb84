// The firmware core under the compiler's sanitizers: NVS, configuration files, MD5, MQTT, drivers.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NvsEntry } from "../../../builders/nvs/entry.ts";
import { generateNvs } from "../../../builders/nvs/generate.ts";
import { HostFirmware } from "./host-firmware.ts";

const HARNESS = fileURLToPath(new URL("harness", import.meta.url));
const SIZE = 0x8000;

let folder = "";
let host: HostFirmware;
let reader = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
  host = await HostFirmware.compile(folder);
  reader = await host.firmware();
}, 900_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Read {
  entries: { namespace: string; key: string; type: string; value: string | number }[];
  problems: string[];
}

/** All images in one run of the reader. */
async function readAll(images: Uint8Array[]): Promise<Read[]> {
  const paths = images.map((_, index) => join(folder, `image-${index}`));
  for (const [index, path] of paths.entries()) await writeFile(path, images[index]!);
  const result = spawnSync(reader, ["--read-nvs", "-", "--json", "--show-values"], {
    input: paths.join("\n"),
    encoding: "utf8",
    maxBuffer: 1 << 30,
  });
  expect(result.stderr).toBe("");
  expect(result.status).toBe(0);
  const lines = result.stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(images.length);
  return lines.map((line) => JSON.parse(line) as Read);
}

const key = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,15}$/);
const integer = (type: NvsEntry["type"], bits: number, signed: boolean) =>
  fc
    .bigInt(signed ? -(2n ** BigInt(bits - 1)) : 0n, 2n ** BigInt(signed ? bits - 1 : bits) - 1n)
    .map((value) => ({
      type,
      value: bits === 64 ? value : Number(value),
    }));
const value = fc.oneof(
  ...[8, 16, 32, 64].flatMap((bits) => [
    integer(`u${bits}` as NvsEntry["type"], bits, false),
    integer(`i${bits}` as NvsEntry["type"], bits, true),
  ]),
  fc
    .string({ unit: "grapheme", maxLength: 300 })
    .map((text) => ({ type: "string" as const, value: text.replaceAll("\0", "") })),
  fc.uint8Array({ maxLength: 6000 }).map((bytes) => ({ type: "blob" as const, value: bytes })),
);
const entries = fc.uniqueArray(
  fc
    .tuple(fc.constantFrom("wifi", "mqtt", "edgeflock", "a.b-c_d"), key, value)
    .map(([namespace, name, rest]) => ({
      namespace,
      key: name,
      ...rest,
    })),
  { maxLength: 40, selector: (entry) => `${entry.namespace}/${entry.key}` },
);

/** As the reader prints it. */
function printed({ namespace, key: name, type, value: raw }: NvsEntry) {
  const blob = raw instanceof Uint8Array;
  const shown = blob ? Buffer.from(raw).toString("hex") : typeof raw === "bigint" ? String(raw) : raw;
  return { namespace, key: name, type, value: shown };
}
const byName = (list: { namespace: string; key: string }[]) =>
  [...list].sort((a, b) => (`${a.namespace}/${a.key}` < `${b.namespace}/${b.key}` ? -1 : 1));

/** Images of random settings that fit. */
function sampleImages(count: number, seed: number) {
  return fc
    .sample(fc.tuple(entries, fc.constantFrom(1 as const, 2 as const)), { numRuns: count * 2, seed })
    .flatMap(([list, version]) => {
      try {
        return [
          { list: list as NvsEntry[], image: generateNvs(list as NvsEntry[], { size: SIZE, version }) },
        ];
      } catch {
        return []; // too large for its version or size: the generator's own tests
      }
    })
    .slice(0, count);
}

describe("the firmware's NVS reader", () => {
  it("reads every generated image to the values it was made from", async () => {
    const samples = sampleImages(300, 1);
    expect(samples.length).toBeGreaterThan(200);
    const results = await readAll(samples.map(({ image }) => image));
    for (const [index, { entries: read, problems }] of results.entries()) {
      expect(problems).toEqual([]);
      expect(byName(read)).toEqual(byName(samples[index]!.list.map(printed)));
    }
  }, 120_000);

  it("bears any damage: flipped bytes, cut ends, pages out of order, noise", async () => {
    const random = fc.sample(fc.nat({ max: 2 ** 31 - 1 }), { numRuns: 6000, seed: 2 });
    let next = 0;
    const roll = (limit: number) => random[next++ % random.length]! % limit;
    const damaged = sampleImages(60, 3).flatMap(({ image }) =>
      Array.from({ length: 12 }, (_, kind) => {
        const copy = image.slice();
        if (kind < 6)
          for (let flips = 0; flips <= kind * 4; flips++) copy[roll(copy.length)]! ^= 1 << roll(8);
        else if (kind < 8) return copy.subarray(0, roll(copy.length));
        else if (kind < 10) copy.copyWithin(roll(8) * 4096, roll(8) * 4096, roll(8) * 4096);
        else for (let at = roll(4096); at < copy.length; at += 1 + roll(64)) copy[at] = roll(256);
        return copy;
      }),
    );
    const results = await readAll(damaged);
    expect(results.filter(({ problems }) => problems.length > 0).length).toBeGreaterThan(100);
  }, 120_000);

  it("takes the newest of two entries of one key, within a page and over pages", async () => {
    const first = generateNvs([{ namespace: "a", key: "k", type: "u8", value: 1 }], { size: SIZE });
    const second = generateNvs([{ namespace: "a", key: "k", type: "u8", value: 2 }], { size: SIZE });
    const within = first.slice();
    within.copyWithin(64 + 64, 64 + 32, 64 + 64); // the entry once more, as the third one
    within.set(second.subarray(64 + 32, 64 + 64), 64 + 64);
    within[32] = 0b11101010; // three entries written
    const over = first.slice();
    over.set(second.subarray(0, 4096), 4096);
    over.set([1, 0, 0, 0], 4096 + 4); // the second page is newer
    const header = Buffer.from(over.buffer, over.byteOffset + 4096, 32);
    const { crc32 } = await import("node:zlib");
    header.writeUInt32LE(crc32(header.subarray(4, 28), 0xffffffff) >>> 0, 28);
    const swapped = over.slice();
    swapped.set(over.subarray(0, 4096), 4096);
    swapped.set(over.subarray(4096, 8192), 0);
    for (const { entries: read, problems } of await readAll([within, over, swapped])) {
      expect(problems).toEqual([]);
      expect(read).toEqual([{ namespace: "a", key: "k", type: "u8", value: 2 }]);
    }
  });
});

describe("the firmware's NVS writer", () => {
  it("survives a power cut at every single write", async () => {
    const program = await host.program(join(HARNESS, "power_cut.cpp"));
    const { status, stdout, stderr } = spawnSync(program, { encoding: "utf8" });
    expect({ status, stderr, stdout }).toMatchObject({
      status: 0,
      stderr: "",
      stdout: expect.stringMatching(/^\d+ cuts/),
    });
    expect(Number.parseInt(stdout, 10)).toBeGreaterThan(1000);
  }, 300_000);
});

describe("the firmware's MD5", () => {
  it("is MD5, at every length around its blocks", async () => {
    const program = await host.program(join(HARNESS, "md5_main.cpp"));
    for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 3040]) {
      const bytes = Buffer.alloc(length, length);
      expect(spawnSync(program, { input: bytes, encoding: "utf8" }).stdout).toBe(
        createHash("md5").update(bytes).digest("hex"),
      );
    }
  }, 60_000);
});

describe("a configuration that comes as a file", () => {
  it("is in NVS or still a file, whole, after a power cut at any write of its move", async () => {
    const program = await host.program(join(HARNESS, "file_power_cut.cpp"));
    const { status, stdout, stderr } = spawnSync(program, { encoding: "utf8" });
    expect({ status, stderr, stdout }).toMatchObject({
      status: 0,
      stderr: "",
      stdout: expect.stringMatching(/^\d+ cuts/),
    });
    expect(Number.parseInt(stdout, 10)).toBeGreaterThan(50);
  }, 300_000);
});

describe("the firmware's parts", () => {
  it("keep what they promise: CSV, MQTT, waits, topics, settings, drivers, the life of a device", async () => {
    const program = await host.program(join(HARNESS, "parts.cpp"));
    const { status, stdout, stderr } = spawnSync(program, { encoding: "utf8" });
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^\d+ checks\n$/),
      stderr: "",
    });
    expect(Number.parseInt(stdout, 10)).toBeGreaterThan(100);
  }, 300_000);
});
