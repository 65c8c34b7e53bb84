import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unpackArchive } from "../../../builders/artifact-archive.ts";
import { FLASHER_ARGS, writeFlasherArgs } from "../../../builders/flasher-args.ts";
import { collectConfigs, collectFirmware } from "../../../builders/job-steps/collect.ts";
import { SBOM } from "../../../builders/sbom.ts";
import { soundFirmware } from "../support.ts";

let folder = "";
let outputs = "";
const token = () => join(folder, "token");

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeflock-collect-"));
  outputs = join(folder, "output");
  for (const run of ["0", "1"]) await mkdir(join(outputs, run), { recursive: true });
  await mkdir(join(folder, "source"));
  await writeFile(token(), "the right to upload");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const firmware = () => collectFirmware(outputs, join(folder, "source"));
const write = async (run: string, files: Record<string, string | Uint8Array>) => {
  for (const [name, content] of Object.entries(files)) await writeFile(join(outputs, run, name), content);
};

describe("what an upload takes of a builder's firmware", () => {
  it("is what belongs to the artefact, and nothing that lies beside it", async () => {
    await write("0", { ...soundFirmware(), "notes.txt": "beside" });
    expect([...unpackArchive(await firmware()).keys()].sort()).toEqual(
      [...Object.keys(soundFirmware()), SBOM].map((name) => `0/${name}`).sort(),
    );
  });

  it.each(["a file that it names", "its description", "a folder"])(
    "is refused where %s is a link that leads out",
    async (what) => {
      const files = [{ offset: 0x10000, path: "x/x.bin", name: "app" }];
      const text = writeFlasherArgs({ chip: "esp32", mode: "dio", frequency: "40m", size: "4MB", files });
      if (what === "its description") await symlink(token(), join(outputs, "0", FLASHER_ARGS));
      else await write("0", { [FLASHER_ARGS]: text });
      if (what === "a folder") await symlink(folder, join(outputs, "0", "x"));
      if (what === "a file that it names") {
        await mkdir(join(outputs, "0", "x"));
        await symlink(token(), join(outputs, "0", "x", "x.bin"));
      }
      await expect(firmware()).rejects.toThrow(/is a link that leads out of output\//);
    },
  );
});

describe("what an upload takes of devices' images", () => {
  it("is each device's own, and no link", async () => {
    await write("0", { "config.bin": "image 0", "config.csv": "text 0", "more.txt": "beside" });
    await write("1", { "config.bin": "image 1" });
    await symlink(join(outputs, "0", "config.csv"), join(outputs, "1", "config.csv"));
    const files = [...unpackArchive(await collectConfigs(outputs))];
    expect(Object.fromEntries(files.map(([path, bytes]) => [path, Buffer.from(bytes).toString()]))).toEqual({
      "0/config.bin": "image 0",
      "0/config.csv": "text 0",
      "1/config.bin": "image 1",
    });
  });
});
