// The real esptool through the other two lines: a pseudo terminal, and RFC 2217 with its handshake lines.
// pySerial's RFC 2217 client waits 50 ms at each change of a timeout, so those runs take long and no CPU.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it, vi } from "vitest";
import { startVirtualDevice } from "../../../flash/virtual-esp32/start-virtual-device.ts";
import { esptool, imagesOf, noise, TestFolder } from "./support.ts";

const folder = new TestFolder();
afterAll(() => folder.remove());
vi.setConfig({ testTimeout: 120_000 });

const images = imagesOf('echo "up as $EDGEFLOCK_MAC"; sleep 1000');
const files = images.flatMap(([offset, bytes]) => [String(offset), folder.file(`${offset}.bin`, bytes)]);

describe("esptool through a pseudo terminal", () => {
  it("flashes with and without the stub, and the board boots when it closes the terminal", async () => {
    await using device = await startVirtualDevice({
      chip: "esp32c3",
      flash: folder.file("pty.bin"),
      pty: true,
    });
    expect(device.url).toMatch(/^\/dev\//);
    const data = folder.file("noise.bin", noise(200_000));
    const port = ["--chip", "esp32c3", "--baud", "460800", "--port", device.url];
    const stub = await esptool(...port, "write-flash", "0x10000", data);
    expect(stub.output).toContain("Hash of data verified");
    expect(
      readFileSync(device.flash)
        .subarray(0x10000, 0x10000 + 200_000)
        .equals(noise(200_000)),
    ).toBe(true);
    await device.waitFor(/nothing to boot/);
    const rom = await esptool(
      ...port,
      "--no-stub",
      "write-flash",
      "--no-compress",
      "0x80000",
      folder.file("8000.bin", noise(3000)),
    );
    expect(rom.output).toContain("Hash of data verified");
  });
});

describe("esptool through RFC 2217", () => {
  it("resets the board into download mode and, after flashing, into the firmware", {
    timeout: 100_000,
  }, async () => {
    await using device = await startVirtualDevice({
      chip: "esp32",
      flash: folder.file("rfc2217.bin"),
      rfc2217: true,
      boot: true,
      mac: "02:00:00:00:00:07",
    });
    const { exitCode, output } = await esptool(
      "--chip",
      "esp32",
      "--port",
      device.url,
      "write-flash",
      ...files,
    );
    expect(output.match(/Hash of data verified/g)).toHaveLength(3);
    expect(exitCode).toBe(0);
    await device.waitFor(/^up as 02:00:00:00:00:07$/);
    const modes = device.console.filter((line) => line.startsWith("rst:"));
    expect(modes).toEqual([
      expect.stringContaining("SPI_FAST_FLASH_BOOT"),
      expect.stringContaining("DOWNLOAD_BOOT"),
      expect.stringContaining("SPI_FAST_FLASH_BOOT"),
    ]);
  });
});
