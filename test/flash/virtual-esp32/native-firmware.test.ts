// The whole way of a device without a board: the native firmware built by its builder, a configuration image,
// both flashed by the real esptool, booted, and the device says who it is.
import { afterAll, describe, expect, it, vi } from "vitest";
import { unpackArchive } from "../../../builders/artifact-archive.ts";
import { buildFirmware } from "../../../builders/build-firmware.ts";
import type { BuiltFirmware } from "../../../builders/contract.ts";
import { generateNvs } from "../../../builders/nvs/generate.ts";
import { startVirtualDevice } from "../../../flash/virtual-esp32/start-virtual-device.ts";
import { esptool, TestFolder } from "./support.ts";

const folder = new TestFolder();
afterAll(() => folder.remove());
// the firmware is compiled when no earlier run has done it
vi.setConfig({ testTimeout: 300_000 });

const CONFIG_SIZE = 0x6000;

function flashArguments({ artifact, archive }: BuiltFirmware, config?: Uint8Array): string[] {
  const contents = unpackArchive(archive);
  const images: [number, Uint8Array][] = artifact.files.map(({ offset, path }) => [
    offset,
    contents.get(path)!,
  ]);
  if (config) images.push([artifact.config.offset, config]);
  return images.flatMap(([offset, bytes]) => [String(offset), folder.file(`${offset}.bin`, bytes)]);
}

describe("a device without a board", () => {
  it.each(["esp32", "esp32c3"])(
    "an %s starts as itself once it is flashed, and as nobody before",
    async (chip) => {
      const built = await buildFirmware({
        builder: { name: "native" },
        chip,
        config: { label: "cfg", size: CONFIG_SIZE },
        projectFolder: folder.path,
      });
      const config = generateNvs(
        [
          { namespace: "edgeflock", key: "device", type: "string", value: "cam-001" },
          { namespace: "edgeflock", key: "class", type: "string", value: "esp32-cam" },
          { namespace: "wifi", key: "ssid", type: "string", value: "hall-north" },
        ],
        { size: CONFIG_SIZE },
      );
      await using board = await startVirtualDevice({
        chip: chip as "esp32",
        flash: folder.file(`${chip}.bin`),
      });
      const write = ["--chip", chip, "--port", board.url, "write-flash"];

      expect((await esptool(...write, ...flashArguments(built))).output).toContain("Hash of data verified");
      await board.waitFor(/booting .* from partition "ota_0"/);
      await board.waitFor(/no configuration/i);

      const since = board.console.length;
      expect((await esptool(...write, ...flashArguments(built, config))).exitCode).toBe(0);
      await board.waitFor(/cam-001/, { since });
      expect(board.console.slice(since).join("\n")).not.toMatch(/Guru Meditation/);
    },
  );
});
