// The NVS reader of the native firmware, compiled for this host, reads what our generator makes to the same values.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAppImage } from "../../../builders/app-image.ts";
import { unpackArchive } from "../../../builders/artifact-archive.ts";
import { buildFirmware } from "../../../builders/build-firmware.ts";
import { hostExecutable } from "../../../builders/native/host-executable.ts";
import { generateNvs, type NvsEntry } from "../../../builders/nvs/generate.ts";
import { validEntries } from "./support/damage.ts";

const run = promisify(execFile);
const IMAGES = 200;

let folder: string;
let reader: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "edgeflock-cpp-reader-"));
  reader = await firmware(folder);
}, 240_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function firmware(into: string): Promise<string> {
  const { archive } = await buildFirmware({
    builder: { name: "native" },
    chip: "esp32",
    config: { label: "cfg", size: 0x6000 },
    projectFolder: into,
  });
  const program = join(into, "firmware");
  writeFileSync(program, hostExecutable(parseAppImage(unpackArchive(archive).get("firmware.bin")!)), {
    mode: 0o755,
  });
  return program;
}

interface Read {
  entries: { namespace: string; key: string; type: string; value: string | number }[];
  problems: string[];
}

/** What the C++ reader finds in each image. */
async function readAll(images: readonly Uint8Array[]): Promise<Read[]> {
  const place = join(folder, "images");
  mkdirSync(place, { recursive: true });
  const paths = images.map((image, at) => {
    const path = join(place, `${at}.bin`);
    writeFileSync(path, image);
    return path;
  });
  const child = run(reader, ["--read-nvs", "-", "--json", "--show-values"], { maxBuffer: 1 << 28 });
  child.child.stdin!.end(`${paths.join("\n")}\n`);
  const { stdout } = await child;
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Read);
}

/** An entry as the reader prints it. */
function printed({ namespace, key, type, value }: NvsEntry): Read["entries"][number] {
  if (value instanceof Uint8Array) return { namespace, key, type, value: Buffer.from(value).toString("hex") };
  return { namespace, key, type, value: typeof value === "bigint" ? String(value) : value };
}

describe("the native firmware's reader", () => {
  it(`reads ${IMAGES} generated images, of both format versions, to the values that went in`, async () => {
    const cases = fc.sample(
      fc.record({ entries: validEntries, version: fc.constantFrom(1 as const, 2 as const) }),
      IMAGES,
    );
    const inputs = cases.map(({ entries, version }) => ({
      version,
      entries: entries.filter(
        ({ value }) => version === 2 || !(value instanceof Uint8Array) || value.length <= 1984,
      ),
    }));
    const read = await readAll(
      inputs.map(({ entries, version }) => generateNvs(entries, { size: 0x40000, version })),
    );
    expect(read).toHaveLength(IMAGES);
    for (const [at, { entries }] of inputs.entries()) {
      expect(read[at]).toEqual({ entries: entries.map(printed), problems: [] });
    }
  }, 120_000);

  it("reads the layouts at the edges: an empty chunk, a full last page, a blob over many pages", async () => {
    const numbers = (count: number): NvsEntry[] =>
      Array.from({ length: count }, (_, n) => ({
        namespace: "n",
        key: `k${n}`,
        type: "u8",
        value: n & 0xff,
      }));
    const blob = (size: number): NvsEntry => ({
      namespace: "n",
      key: "blob",
      type: "blob",
      value: Uint8Array.from({ length: size }, (_, at) => (at * 7) & 0xff),
    });
    const inputs = [[...numbers(124), blob(10)], numbers(251), [blob(70_000)], [blob(0)], []];
    const read = await readAll(
      inputs.map((entries) => generateNvs(entries, { size: entries.length > 250 ? 0x3000 : 0x20000 })),
    );
    expect(read).toEqual(inputs.map((entries) => ({ entries: entries.map(printed), problems: [] })));
  });
});
