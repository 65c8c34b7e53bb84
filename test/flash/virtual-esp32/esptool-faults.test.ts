// What the real esptool makes of a board with faults: it must fail, or mend it, never claim what is not so.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it, vi } from "vitest";
import { startVirtualDevice } from "../../../flash/virtual-esp32/start-virtual-device.ts";
import { esptool, noise, TestFolder } from "./support.ts";

const folder = new TestFolder();
afterAll(() => folder.remove());
// each start of esptool takes half a second, and much longer on a busy machine
vi.setConfig({ testTimeout: 90_000 });
const image = noise(150_000);
const file = folder.file("image.bin", image);
let boards = 0;

function board(...faults: string[]) {
  return startVirtualDevice({ chip: "esp32", flash: folder.file(`board-${boards++}.bin`), faults });
}

function write(url: string) {
  return esptool("--chip", "esp32", "--port", url, "write-flash", "0x10000", file);
}

describe("esptool on a board with faults", () => {
  it("fails when the cable is pulled half-way, and succeeds when it is run again", async () => {
    await using device = await board("cut@80000");
    const first = await write(device.url);
    expect(first.exitCode).not.toBe(0);
    const half = readFileSync(device.flash).subarray(0x10000, 0x10000 + image.length);
    expect(half.subarray(0, 4096).equals(image.subarray(0, 4096))).toBe(true);
    expect(half.equals(image)).toBe(false);
    expect(device.console).toContain("[edgeflock] the cable was pulled (fault cut)");

    await device.plugIn();
    const second = await write(device.url);
    expect(second.output).toContain("Hash of data verified");
    expect(
      readFileSync(device.flash)
        .subarray(0x10000, 0x10000 + image.length)
        .equals(image),
    ).toBe(true);
  });

  it("fails on a wrong MD5", async () => {
    await using device = await board("wrong-md5");
    const { exitCode, output } = await write(device.url);
    expect(output).toContain("MD5 of file does not match data in flash");
    expect(exitCode).toBe(2);
  });

  it("fails on a bad block", async () => {
    await using device = await board("bad-block@0x12000");
    const { exitCode, output } = await write(device.url);
    expect(output).toContain("MD5 of file does not match data in flash");
    expect(exitCode).toBe(2);
  });

  it("repeats a block in which a byte was lost", async () => {
    await using device = await board("drop-byte@100000");
    const { exitCode, output } = await write(device.url);
    expect(output).toContain("Hash of data verified");
    expect(exitCode).toBe(0);
    expect(
      readFileSync(device.flash)
        .subarray(0x10000, 0x10000 + image.length)
        .equals(image),
    ).toBe(true);
  });

  it("manages with a slow board", async () => {
    await using device = await board("slow@5");
    expect((await write(device.url)).output).toContain("Hash of data verified");
  });
});
