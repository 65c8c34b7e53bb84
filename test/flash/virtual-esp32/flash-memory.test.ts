import { statSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { FlashFile, parseFlashSize } from "../../../flash/virtual-esp32/flash-memory.ts";
import { TestFolder } from "./support.ts";

const folder = new TestFolder();
afterAll(() => folder.remove());

describe("the flash of a virtual board", () => {
  it("starts erased, 4 MB, readable by its owner only", () => {
    const flash = new FlashFile(folder.file("new.bin"));
    expect(flash.size).toBe(4 << 20);
    expect(flash.read(0x3ff000, 4096).every((byte) => byte === 0xff)).toBe(true);
    expect(statSync(flash.path).mode & 0o777).toBe(0o600);
    flash.close();
  });

  it("only clears bits when it is written, and sets them when it is erased", () => {
    const flash = new FlashFile(folder.file("nor.bin"), { size: 1 << 20 });
    flash.program(100, Uint8Array.of(0b1100_1100));
    flash.program(100, Uint8Array.of(0b1010_1010));
    expect(flash.read(100, 1)).toEqual(Uint8Array.of(0b1000_1000));
    flash.erase(4000, 200); // touches two sectors
    expect(flash.read(100, 1)).toEqual(Uint8Array.of(0xff));
    flash.close();
  });

  it("erases whole sectors and no neighbour", () => {
    const flash = new FlashFile(folder.file("sectors.bin"), { size: 1 << 20 });
    flash.program(0, new Uint8Array(3 * 4096));
    flash.erase(4096, 1);
    expect(flash.read(4095, 1)[0]).toBe(0);
    expect(flash.read(4096, 4096).every((byte) => byte === 0xff)).toBe(true);
    expect(flash.read(8192, 1)[0]).toBe(0);
    flash.close();
  });

  it("keeps what a bad sector holds, whatever is done to it", () => {
    const flash = new FlashFile(folder.file("bad.bin"), { size: 1 << 20, badSectors: [0x1234] });
    flash.program(0, new Uint8Array(3 * 4096));
    expect(flash.read(4095, 3)).toEqual(Uint8Array.of(0, 0xff, 0xff));
    expect(flash.read(8191, 2)).toEqual(Uint8Array.of(0xff, 0));
    flash.close();
  });

  it("keeps the size of a file that is there, and fills one up when a size is named", () => {
    writeFileSync(folder.file("two.bin"), new Uint8Array(2 << 20));
    const flash = new FlashFile(folder.file("two.bin"));
    expect(flash.size).toBe(2 << 20);
    flash.close();
    writeFileSync(folder.file("merged.bin"), Uint8Array.of(1, 2, 3));
    const filled = new FlashFile(folder.file("merged.bin"), { size: 1 << 20 });
    expect([...filled.read(0, 4)]).toEqual([1, 2, 3, 0xff]);
    expect(statSync(filled.path).size).toBe(1 << 20);
    filled.close();
  });

  it("refuses a file that is no flash, with what to do", () => {
    writeFileSync(folder.file("odd.bin"), new Uint8Array(1000));
    expect(() => new FlashFile(folder.file("odd.bin"))).toThrow(
      /has 1000 bytes, which is no size of a flash chip/,
    );
    expect(() => new FlashFile(folder.file("two.bin"), { size: 1 << 20 })).toThrow(
      /more than a flash of 1 MB/,
    );
    expect(() => new FlashFile(folder.path)).toThrow(/cannot open the flash file/);
    expect(() => parseFlashSize("5MB")).toThrow('"5MB" is no flash size; expected 1MB, 2MB, 4MB, 8MB, 16MB');
  });

  it("refuses ranges outside of it", () => {
    const flash = new FlashFile(folder.file("range.bin"), { size: 1 << 20 });
    for (const [offset, length] of [
      [-1, 1],
      [0, (1 << 20) + 1],
      [1 << 20, 1],
      [Number.NaN, 1],
    ] as const) {
      expect(() => flash.read(offset, length)).toThrow(RangeError);
      expect(() => flash.erase(offset, length)).toThrow(RangeError);
    }
    flash.close();
  });
});
