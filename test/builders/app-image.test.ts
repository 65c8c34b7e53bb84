import { describe, expect, it } from "vitest";
import { buildAppImage, inspectAppImage, parseAppImage } from "../../builders/app-image.ts";
import { hostExecutable, wrapHostExecutable } from "../../builders/native/host-executable.ts";

const bytes = (length: number, seed = 7): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * seed + (index >> 8)) & 0xff);
const wrapped = (length = 1001): Uint8Array =>
  wrapHostExecutable({ chip: "esp32", projectName: "cam", version: "1.2.3", executable: bytes(length) });

describe("an ESP app image", () => {
  it("is read as it was written", () => {
    const image = parseAppImage(
      buildAppImage({
        chip: "esp32c3",
        flashMode: "qio",
        flashSize: "8MB",
        flashFrequency: 0xf,
        entryAddress: 0x40380000,
        segments: [
          { address: 0x3fc80000, data: bytes(16) },
          { address: 0x40380000, data: bytes(400) },
        ],
      }),
    );
    expect(image).toMatchObject({
      flashMode: "qio",
      flashSize: "8MB",
      flashFrequency: 15,
      entryAddress: 0x40380000,
    });
    expect(image.chip?.name).toBe("esp32c3");
    expect(image.segments.map((s) => [s.address, s.data])).toEqual([
      [0x3fc80000, bytes(16)],
      [0x40380000, bytes(400)],
    ]);
    expect(image.descriptor).toBeUndefined();
  });

  it("may be followed by other bytes, as in a flash", () => {
    const image = wrapped();
    const flash = new Uint8Array(image.length + 4096).fill(0xff);
    flash.set(image);
    expect(parseAppImage(flash).size).toBe(image.length);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])(
    "keeps an executable of 1000 + %i bytes to the byte",
    (extra) => {
      const image = parseAppImage(wrapped(1000 + extra));
      expect(hostExecutable(image)).toEqual(bytes(1000 + extra));
      expect(image.descriptor).toMatchObject({ projectName: "cam", version: "1.2.3" });
    },
  );

  it("keeps an executable that itself ends in zeros to the byte", () => {
    const executable = new Uint8Array(1002);
    const image = wrapHostExecutable({ chip: "esp32", projectName: "z", version: "1", executable });
    expect(hostExecutable(parseAppImage(image))).toEqual(executable);
  });

  it("is refused for a flipped bit in any byte", () => {
    const good = wrapped(200);
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice();
      bad[at]! ^= 0x40;
      expect(inspectAppImage(bad).problems, `byte ${at}`).not.toEqual([]);
    }
  });

  it("is refused at any length but its own", () => {
    const good = wrapped(200);
    for (let length = 0; length < good.length; length++) {
      expect(inspectAppImage(good.subarray(0, length)).problems, `${length} bytes`).not.toEqual([]);
    }
  });

  it("for another chip is refused, naming both", () => {
    expect(() => parseAppImage(wrapped(), { chip: "esp32c3", name: "app.bin" })).toThrow(
      "app.bin is for esp32, not for esp32c3",
    );
  });

  it("that holds a chip's own code is not a host executable", () => {
    const image = parseAppImage(
      buildAppImage({ chip: "esp32", segments: [{ address: 0x3f400020, data: bytes(64) }] }),
    );
    expect(() => hostExecutable(image)).toThrow("code for esp32, not for this host");
  });

  it("refuses a version that does not fit its descriptor", () => {
    expect(() =>
      wrapHostExecutable({ chip: "esp32", projectName: "x", version: "v".repeat(32), executable: bytes(4) }),
    ).toThrow("longer than 31 bytes");
  });
});
