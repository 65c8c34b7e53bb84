// The real esptool against a virtual board on a bare socket.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it, vi } from "vitest";
import { startVirtualDevice, type VirtualDevice } from "../../../flash/virtual-esp32/start-virtual-device.ts";
import { esptool, imagesOf, noise, TestFolder } from "./support.ts";

const folder = new TestFolder();
afterAll(() => folder.remove());
// each start of esptool takes half a second, and much longer on a busy machine
vi.setConfig({ testTimeout: 90_000 });

const MAC = "24:0a:c4:12:34:56";
let boards = 0;

async function board(chip: "esp32" | "esp32c3", options = {}): Promise<VirtualDevice> {
  return startVirtualDevice({ chip, flash: folder.file(`board-${boards++}.bin`), mac: MAC, ...options });
}

const data = folder.file("data.bin", Buffer.concat([noise(30_000), Buffer.alloc(70_001, 5)]));
const incompressible = folder.file("noise.bin", noise(20_000, 7));

describe.each(["esp32", "esp32c3"] as const)("esptool on a virtual %s", (chip) => {
  it("recognises chip, MAC, crystal and flash", async () => {
    await using device = await board(chip, { flashSize: "8MB" });
    const { exitCode, output } = await esptool("--port", device.url, "flash-id");
    expect(output).toContain(
      chip === "esp32" ? "ESP32-D0WD-V3 (revision v3.1)" : "ESP32-C3 (QFN32) (revision v0.4)",
    );
    expect(output).toContain(`MAC:                ${MAC}`);
    expect(output).toContain("Crystal frequency:  40MHz");
    expect(output).toContain("Detected flash size: 8MB");
    expect(output).not.toMatch(/warning/i);
    expect(exitCode).toBe(0);
  });

  it("writes, verifies, reads and erases through the stub, at another baud rate", async () => {
    await using device = await board(chip);
    const port = ["--chip", chip, "--baud", "921600", "--port", device.url];
    const written = await esptool(...port, "write-flash", "0x1000", data, "0x200000", incompressible);
    expect(written.output.match(/Hash of data verified/g)).toHaveLength(2);
    expect(written.exitCode).toBe(0);
    expect((await esptool(...port, "verify-flash", "0x1000", data)).output).toContain(
      "Verification successful",
    );

    const copy = folder.file(`${chip}-copy.bin`);
    expect((await esptool(...port, "read-flash", "0x1000", "100001", copy)).exitCode).toBe(0);
    expect(readFileSync(copy).equals(readFileSync(data))).toBe(true);

    expect((await esptool(...port, "erase-region", "0x2000", "0x1000")).exitCode).toBe(0);
    const flash = readFileSync(device.flash);
    expect(flash.subarray(0x2000, 0x3000).every((byte) => byte === 0xff)).toBe(true);
    expect(flash[0x1fff]).not.toBe(0xff);
    expect((await esptool(...port, "verify-flash", "0x1000", data)).exitCode).not.toBe(0);

    expect((await esptool(...port, "erase-flash")).exitCode).toBe(0);
    expect(readFileSync(device.flash).every((byte) => byte === 0xff)).toBe(true);
  });

  it("writes, verifies and reads without the stub", async () => {
    await using device = await board(chip);
    const port = ["--chip", chip, "--no-stub", "--port", device.url];
    const written = await esptool(...port, "write-flash", "0x10000", data);
    expect(written.output).toContain("Hash of data verified");
    const plain = await esptool(...port, "write-flash", "--no-compress", "0x40000", incompressible);
    expect(plain.output).toContain("Hash of data verified");
    const copy = folder.file(`${chip}-slow.bin`);
    expect((await esptool(...port, "read-flash", "0x40000", "1000", copy)).exitCode).toBe(0);
    expect(readFileSync(copy).equals(Buffer.from(noise(20_000, 7).subarray(0, 1000)))).toBe(true);
    expect(written.exitCode + plain.exitCode).toBe(0);
  });
});

describe("esptool and the state of the board", () => {
  it("is told that the chip is another one", async () => {
    await using device = await board("esp32c3");
    const { exitCode, output } = await esptool("--chip", "esp32", "--port", device.url, "read-mac");
    expect(output).toContain("This chip is ESP32-C3, not ESP32");
    expect(exitCode).not.toBe(0);
  });

  it("finds the stub of an earlier run, if that one left it there, and the board waits", async () => {
    await using device = await board("esp32");
    expect((await esptool("--port", device.url, "--after", "no-reset", "read-mac")).exitCode).toBe(0);
    expect(device.state).toBe("download");
    expect((await esptool("--port", device.url, "--after", "hard-reset", "read-mac")).exitCode).toBe(0);
    await device.waitFor(/nothing to boot/);
  });

  it("boots what was flashed when esptool leaves, and takes the board back from the running firmware", async () => {
    await using device = await board("esp32");
    const images = imagesOf('echo "running on $EDGEFLOCK_CHIP"; while :; do echo tick; sleep 0.05; done');
    const files = images.flatMap(([offset, bytes]) => [String(offset), folder.file(`${offset}.bin`, bytes)]);
    expect((await esptool("--port", device.url, "write-flash", ...files)).exitCode).toBe(0);
    await device.waitFor(/^running on esp32$/);
    await device.waitFor(/^tick$/);
    const again = await esptool("--port", device.url, "read-mac");
    expect(again.output).toContain(MAC);
    expect(again.exitCode).toBe(0);
  });

  it("resets an ESP32-C3 by its watchdog when asked to", async () => {
    await using device = await board("esp32c3");
    const { output } = await esptool("--port", device.url, "--after", "watchdog-reset", "read-mac");
    expect(output).toContain("Hard resetting with a watchdog");
    await device.waitFor(/SPI_FAST_FLASH_BOOT/);
  });
});
