import { mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildFirmware, planFirmware } from "../../../builders/build-firmware.ts";
import type { FirmwareRequest } from "../../../builders/contract.ts";
import { soundFirmware, temporaryCache, writeFiles } from "../support.ts";

const place = temporaryCache();
let path: string | undefined;
beforeEach(async () => {
  path = process.env.PATH;
  await writeFiles(join(place.folder, "project"), {
    "CMakeLists.txt": "project(sample)\n",
    "main/main.c": "void app_main(void) {}\n",
  });
});
afterEach(() => {
  process.env.PATH = path;
});

const request = (changes: Partial<FirmwareRequest> = {}): FirmwareRequest => ({
  builder: { name: "esp-idf", source: "project", args: { defines: { PROJECT_VER: "2.0.0" } } },
  chip: "esp32",
  config: { label: "cfg", size: 0x6000 },
  projectFolder: place.folder,
  ...changes,
});

/** An idf.py that lays out a build folder as ESP-IDF 5 does, and writes into its project, as it does too. */
async function useIdf(behaviour = ""): Promise<void> {
  const firmware = soundFirmware("2.0.0");
  const layout = await writeFiles(join(place.folder, "layout"), {
    "partition_table/partition-table.bin": firmware["partition-table.bin"]!,
    "sample.bin": firmware["app.bin"]!,
    "CMakeFiles/unused.bin": "unused",
    "flasher_args.json": Buffer.from(firmware["flasher_args.json"]!)
      .toString()
      .replaceAll("partition-table.bin", "partition_table/partition-table.bin")
      .replaceAll("app.bin", "sample.bin"),
  });
  const bin = join(place.folder, "bin");
  await mkdir(bin, { recursive: true });
  const text = `#!/bin/sh
if [ "$1" = --version ]; then echo "ESP-IDF v5.5.1"; exit 0; fi
echo "$@" > "${join(place.folder, "call")}"
[ -f "$2/CMakeLists.txt" ] && [ "$3" = -B ] || exit 9
touch "$2/sdkconfig"
${behaviour}
mkdir -p "$4"
cp -R "${layout}/." "$4"
`;
  await writeFile(join(bin, "idf.py"), text, { mode: 0o755 });
  process.env.PATH = [bin, path].join(delimiter);
}

describe("the esp-idf builder", () => {
  it("takes flasher_args.json and the files that it names as they are", async () => {
    await useIdf();
    const { artifact } = await buildFirmware(request());
    expect(artifact).toMatchObject({ version: "2.0.0", chip: "esp32" });
    expect(artifact.files.map(({ offset, path: file }) => [offset, file])).toEqual([
      [0x8000, "partition_table/partition-table.bin"],
      [0x10000, "sample.bin"],
    ]);
    expect(await readFile(join(place.folder, "call"), "utf8")).toBe(
      "-C tmp/project -B tmp/build -DIDF_TARGET=esp32 -DPROJECT_VER=2.0.0 build\n",
    );
  });

  it("counts ESP-IDF's version among what a build depends on", async () => {
    await useIdf();
    expect((await planFirmware(request())).parts).toMatchObject({
      toolchain: "ESP-IDF v5.5.1",
      "args.defines": '{"PROJECT_VER":"2.0.0"}',
    });
  });

  it("shows what failed to compile", async () => {
    await useIdf('echo "main.c:1: error: nonsense"; exit 2');
    await expect(buildFirmware(request())).rejects.toThrow(
      /failed with exit code 2\.\n[\s\S]*main\.c:1: error: nonsense\nThe whole log/,
    );
  });

  it("asks for its toolchain and for a project", async () => {
    process.env.PATH = "/nowhere";
    await expect(planFirmware(request())).rejects.toMatchObject({
      message: expect.stringContaining("no idf.py that works is on PATH"),
      hint: expect.stringContaining("export.sh"),
    });
    const builder = { name: "esp-idf" };
    await expect(planFirmware(request({ builder }))).rejects.toThrow("needs spec.firmware.builder.source");
  });

  it("needs no ESP-IDF on this machine where an image has it", async () => {
    process.env.PATH = "/nowhere";
    const container = { image: `espressif/idf@sha256:${"c".repeat(64)}` };
    expect((await planFirmware(request({ container }))).parts).toMatchObject({ image: container.image });
  });
});
