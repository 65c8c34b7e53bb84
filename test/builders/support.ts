// What several tests of builders need: folders that go away, a small firmware that is sound, work folders.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { buildAppImage } from "../../builders/app-image.ts";
import type { FirmwareRequest } from "../../builders/contract.ts";
import { FLASHER_ARGS, writeFlasherArgs } from "../../builders/flasher-args.ts";
import { parsePartitionCsv, writePartitionTable } from "../../builders/partitions/index.ts";
import { WorkFolder, type WorkInput } from "../../builders/work-folder.ts";
import { tryCommand } from "../../toolchain/run-command.ts";

/** A folder for each test; with it as cache, no test sees what another built. */
export function temporaryCache(): { readonly folder: string; readonly cache: string } {
  const place = { folder: "", cache: "" };
  let before: string | undefined;
  beforeEach(async () => {
    place.folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
    place.cache = join(place.folder, "cache");
    before = process.env.EDGEFLOCK_CACHE;
    process.env.EDGEFLOCK_CACHE = place.cache;
  });
  afterEach(async () => {
    if (before === undefined) delete process.env.EDGEFLOCK_CACHE;
    else process.env.EDGEFLOCK_CACHE = before;
    await rm(place.folder, { recursive: true, force: true });
  });
  return place;
}

/** A disk of 64 MiB below a folder; undefined where this user may not mount one. */
export async function smallDisk(below: string): Promise<(AsyncDisposable & { folder: string }) | undefined> {
  const folder = join(below, "disk");
  await mkdir(folder);
  const mount = ["-t", "tmpfs", "-o", "size=64m", "edgeflock-test", folder];
  if ((await tryCommand(["mount", ...mount])).exitCode !== 0) return undefined;
  return {
    folder,
    async [Symbol.asyncDispose]() {
      await tryCommand(["umount", folder]);
    },
  };
}

export async function writeFiles(
  folder: string,
  files: Record<string, string | Uint8Array>,
): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

export async function workFolder(input: Partial<WorkInput> = {}): Promise<WorkFolder> {
  return await WorkFolder.create({ args: {}, classFacts: {}, secrets: {}, ...input });
}

export const PARTITIONS = `
nvs,     data, nvs,   0x9000,   0x5000,
otadata, data, ota,   0xe000,   0x2000,
ota_0,   app,  ota_0, 0x10000,  0x180000,
ota_1,   app,  ota_1, 0x190000, 0x180000,
cfg,     data, nvs,   0x310000, 0x6000,   readonly
`;

export const CLASS = { chip: "esp32", config: { label: "cfg", size: 0x6000 } };

export function request(folder: string, builder: FirmwareRequest["builder"]): FirmwareRequest {
  return { ...CLASS, builder, projectFolder: folder };
}

/** Files of a firmware that can be flashed to the class above. */
export function soundFirmware(version = "1.0.0", chip = "esp32"): Record<string, Uint8Array> {
  const files = [
    { offset: 0x8000, path: "partition-table.bin", name: "partition-table" },
    { offset: 0x10000, path: "app.bin", name: "app" },
  ];
  const descriptor = {
    secureVersion: 0,
    version,
    projectName: "sample",
    time: "",
    date: "",
    idfVersion: "",
    executableSha256: new Uint8Array(32),
  };
  const address = 0x40080000;
  return {
    "partition-table.bin": writePartitionTable(parsePartitionCsv(PARTITIONS)),
    "app.bin": buildAppImage({ chip, descriptor, segments: [{ address, data: new Uint8Array(64) }] }),
    [FLASHER_ARGS]: Buffer.from(
      writeFlasherArgs({ chip, mode: "dio", frequency: "40m", size: "4MB", files }),
    ),
  };
}
