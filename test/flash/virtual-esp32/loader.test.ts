import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { CHIP_MODELS, type VirtualChip } from "../../../flash/virtual-esp32/chip-models.ts";
import { Loader } from "../../../flash/virtual-esp32/loader.ts";
import { checksum, OP } from "../../../flash/virtual-esp32/packets.ts";
import { FlashInMemory, noise } from "./support.ts";

const SYNC = [0x07, 0x07, 0x12, 0x20, ...new Array<number>(32).fill(0x55)];

let flash: FlashInMemory;
let loader: Loader;

function newLoader(chip: VirtualChip = "esp32", wrongMd5 = false): Loader {
  flash = new FlashInMemory();
  const model = CHIP_MODELS[chip];
  return new Loader({
    model,
    flash,
    registers: model.registers(Uint8Array.of(2, 0xef, 1, 2, 3, 4), flash),
    wrongMd5,
  });
}

function request(op: number, data: Uint8Array, sum = 0): Uint8Array {
  const frame = new Uint8Array(8 + data.length);
  const view = new DataView(frame.buffer);
  frame[1] = op;
  view.setUint16(2, data.length, true);
  view.setUint32(4, sum, true);
  frame.set(data, 8);
  return frame;
}

const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
const block = (data: Uint8Array, seq = 0) => Uint8Array.from([...words(data.length, seq, 0, 0), ...data]);

async function ask(op: number, data: Uint8Array, sum = 0) {
  const { frames, effect } = await loader.handle(request(op, data, sum));
  return { frames: [...frames].map((frame) => Buffer.from(frame)), effect };
}

/** Status bytes of the answer, 4 of the ROM or 2 of the stub. */
async function status(op: number, data: Uint8Array, sum = 0): Promise<number[]> {
  const { frames } = await ask(op, data, sum);
  return [...frames[0]!.subarray(loader.stubRuns ? -2 : -4)];
}

async function startStub(): Promise<void> {
  const code = Uint8Array.of(1, 2, 3, 4);
  await ask(OP.MEM_BEGIN, words(4, 1, 0x1800, 0x40090000));
  await ask(OP.MEM_DATA, block(code), checksum(code));
  const { frames } = await ask(OP.MEM_END, words(0, 0x40090000));
  expect(frames[1]?.toString()).toBe("OHAI");
}

const OK_ROM = [0, 0, 0, 0];
const OK_STUB = [0, 0];

describe("download mode", () => {
  beforeEach(() => {
    loader = newLoader();
  });

  it("answers SYNC eight times, with a value other than 0 from the ROM and 0 from the stub", async () => {
    const rom = await ask(OP.SYNC, Uint8Array.from(SYNC));
    expect(rom.frames).toHaveLength(8);
    expect(rom.frames.every((frame) => frame.readUInt32LE(4) !== 0)).toBe(true);
    await startStub();
    const stub = await ask(OP.SYNC, Uint8Array.from(SYNC));
    expect(stub.frames.map((frame) => frame.readUInt32LE(4))).toEqual(new Array(8).fill(0));
  });

  it("ends an answer with 4 status bytes from the ROM and 2 from the stub", async () => {
    expect((await ask(OP.SPI_ATTACH, words(0, 0))).frames[0]).toHaveLength(8 + 4);
    await startStub();
    expect((await ask(OP.SPI_ATTACH, words(0))).frames[0]).toHaveLength(8 + 2);
  });

  it("tells the chip by its magic register, and the ESP32-C3 by its security info", async () => {
    expect((await ask(OP.READ_REG, words(0x40001000))).frames[0]!.readUInt32LE(4)).toBe(0x00f01d83);
    const unknown = await ask(OP.GET_SECURITY_INFO, new Uint8Array(0));
    expect(unknown.frames.map((frame) => [frame[1], ...frame.subarray(8)])).toEqual(
      new Array(8).fill([0, 1, 5, 0, 0]),
    );
    loader = newLoader("esp32c3");
    const info = (await ask(OP.GET_SECURITY_INFO, new Uint8Array(0))).frames[0]!;
    expect(info).toHaveLength(8 + 20 + 4);
    expect(info.readUInt32LE(8 + 12)).toBe(5);
  });

  it("ends the chip's download mode when the ROM is told to run the user's code", async () => {
    expect((await ask(OP.FLASH_END, words(1))).effect).toEqual({ reset: "boot" });
  });

  it("goes back from the stub to the ROM loader when told to end, as esptool's no-reset does", async () => {
    await startStub();
    await ask(OP.FLASH_BEGIN, words(0, 0, 0x4000, 0));
    expect((await ask(OP.FLASH_END, words(0))).effect).toEqual({ reset: "download" });
  });
});

describe("writing", () => {
  beforeEach(() => {
    loader = newLoader();
  });

  it("erases all at once in the ROM, and sector by sector in the stub", async () => {
    flash.bytes.fill(0);
    await ask(OP.FLASH_BEGIN, words(0x2000, 8, 0x400, 0x1000));
    expect(flash.bytes.subarray(0x1000, 0x3000).every((byte) => byte === 0xff)).toBe(true);
    await startStub();
    flash.bytes.fill(0);
    await ask(OP.FLASH_BEGIN, words(0x2000, 1, 0x4000, 0x1000));
    expect(flash.bytes[0x1000]).toBe(0);
    const data = noise(0x1000);
    expect(await status(OP.FLASH_DATA, block(data), checksum(data))).toEqual(OK_STUB);
    expect(flash.bytes.subarray(0x1000, 0x2000)).toEqual(data);
    expect(flash.bytes[0x2000]).toBe(0);
  });

  it("inflates one stream over many blocks", async () => {
    const data = Buffer.concat([noise(20_000), Buffer.alloc(30_000, 7)]);
    const packed = deflateSync(data);
    await startStub();
    await ask(OP.FLASH_DEFL_BEGIN, words(data.length, 99, 0x400, 0x10000));
    for (let at = 0; at < packed.length; at += 0x400) {
      const piece = packed.subarray(at, at + 0x400);
      expect(await status(OP.FLASH_DEFL_DATA, block(piece), checksum(piece))).toEqual(OK_STUB);
    }
    expect(await status(OP.FLASH_DEFL_END, words(1))).toEqual(OK_STUB);
    expect(Buffer.from(flash.bytes.subarray(0x10000, 0x10000 + data.length)).equals(data)).toBe(true);
    const md5 = (await ask(OP.SPI_FLASH_MD5, words(0x10000, data.length, 0, 0))).frames[0]!;
    expect(md5.subarray(8, 24)).toEqual(createHash("md5").update(data).digest());
  });

  it("shows it when flash is written without being erased: the MD5 differs", async () => {
    flash.program(0x1004, Uint8Array.of(0));
    await startStub();
    await ask(OP.FLASH_BEGIN, words(0, 0, 0x4000, 0x1000)); // size 0: nothing is erased
    flash.program(0x1000, noise(16));
    const md5 = (await ask(OP.SPI_FLASH_MD5, words(0x1000, 16, 0, 0))).frames[0]!;
    expect(md5.subarray(8, 24)).not.toEqual(createHash("md5").update(noise(16)).digest());
  });

  it("refuses a zlib bomb, a broken stream and data after the end, without harm to other flash", async () => {
    await startStub();
    const bomb = deflateSync(Buffer.alloc(900_000));
    await ask(OP.FLASH_DEFL_BEGIN, words(0x1000, 1, 0x4000, 0));
    expect(await status(OP.FLASH_DEFL_DATA, block(bomb), checksum(bomb))).toEqual([0xc9, 0]);
    expect(await status(OP.FLASH_DEFL_DATA, block(bomb), checksum(bomb))).toEqual([0xc9, 0]);
    expect(flash.bytes.subarray(0x1000).every((byte) => byte === 0xff)).toBe(true);

    const broken = Uint8Array.of(1, 2, 3, 4);
    await ask(OP.FLASH_DEFL_BEGIN, words(0x1000, 1, 0x4000, 0));
    expect(await status(OP.FLASH_DEFL_DATA, block(broken), checksum(broken))).toEqual([0xc7, 0]);

    const whole = deflateSync(Buffer.alloc(0x1000));
    await ask(OP.FLASH_DEFL_BEGIN, words(0x1000, 1, 0x4000, 0));
    expect(await status(OP.FLASH_DEFL_DATA, block(whole), checksum(whole))).toEqual(OK_STUB);
    await status(OP.FLASH_DEFL_DATA, block(broken), checksum(broken));
    expect(await status(OP.FLASH_DEFL_DATA, block(broken), checksum(broken))).toEqual([0xc9, 0]);
  });

  it("says what is wrong with a block: checksum, length, size, place, order", async () => {
    const data = noise(64);
    expect(await status(OP.FLASH_DATA, block(data), checksum(data))).toEqual([1, 6, 0, 0]); // not begun
    expect(await status(OP.FLASH_BEGIN, words(0x1000, 1, 0x400, 0xfffff))).toEqual([1, 8, 0, 0]); // beyond
    expect(await status(OP.FLASH_BEGIN, words(0x1000, 1, 0x20000, 0))).toEqual([1, 5, 0, 0]); // block too large
    expect(await status(OP.FLASH_BEGIN, words(0x1000, 1, 0x400, 0))).toEqual(OK_ROM);
    expect(await status(OP.FLASH_DATA, block(data), checksum(data) ^ 1)).toEqual([1, 7, 0, 0]);
    expect(await status(OP.FLASH_DATA, words(65, 0, 0, 0), 0)).toEqual([1, 5, 0, 0]);
    expect(await status(OP.FLASH_DATA, block(data), checksum(data))).toEqual(OK_ROM);
    await startStub();
    await ask(OP.FLASH_BEGIN, words(0x1000, 1, 0x4000, 0));
    expect(await status(OP.FLASH_END, words(1))).toEqual([0xc8, 0]); // not enough data
  });

  it("answers a request whose length is wrong, so that the flasher sends it again", async () => {
    const frame = request(OP.FLASH_DATA, block(noise(64)));
    const { frames } = await loader.handle(frame.subarray(0, frame.length - 1));
    expect([...frames].map((answer) => [...answer.subarray(-4)])).toEqual([[1, 5, 0, 0]]);
  });

  it("gives a wrong MD5 when that fault is asked for", async () => {
    loader = newLoader("esp32", true);
    const md5 = (await ask(OP.SPI_FLASH_MD5, words(0, 4096, 0, 0))).frames[0]!.subarray(8, 40).toString();
    expect(md5).toMatch(/^[0-9a-f]{32}$/);
    expect(md5).not.toBe(createHash("md5").update(flash.bytes.subarray(0, 4096)).digest("hex"));
  });
});

describe("reading", () => {
  it("sends frames only as far as they are acknowledged, then the MD5", async () => {
    loader = newLoader();
    await startStub();
    flash.program(0, noise(10_000));
    const { frames } = await ask(OP.READ_FLASH, words(0, 10_000, 4096, 1));
    const received = frames.slice(1);
    while (received.length < 4) {
      const count = received.reduce((sum, frame) => sum + frame.length, 0);
      const next = [...(await loader.handle(words(count))).frames].map((frame) => Buffer.from(frame));
      expect(next).toHaveLength(1);
      received.push(...next);
    }
    expect(received.map((frame) => frame.length)).toEqual([4096, 4096, 1808, 16]);
    expect(Buffer.concat(received.slice(0, 3)).equals(noise(10_000))).toBe(true);
    expect(received[3]).toEqual(createHash("md5").update(noise(10_000)).digest());
  });

  it("does not let a client make it send more than 64 frames ahead", async () => {
    loader = newLoader();
    await startStub();
    const { frames } = await ask(OP.READ_FLASH, words(0, 1 << 20, 4096, 0xffffffff));
    expect(frames).toHaveLength(1 + 64);
  });
});

describe("whatever comes", () => {
  const anyFrame = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    // well-formed requests with any operation and any arguments, also those beyond the flash
    fc
      .tuple(fc.constantFrom(...Object.values(OP)), fc.uint8Array({ maxLength: 80 }))
      .map(([op, data]) => request(op, data)),
    fc
      .tuple(
        fc.constantFrom(...Object.values(OP)),
        fc.array(fc.nat(0x200000), { minLength: 2, maxLength: 6 }),
      )
      .map(([op, values]) => request(op, words(...values))),
    fc
      .tuple(
        fc.constantFrom(OP.FLASH_DATA, OP.FLASH_DEFL_DATA, OP.MEM_DATA),
        fc.uint8Array({ maxLength: 200 }),
      )
      .map(([op, data]) => request(op, block(data), checksum(data))),
    fc.nat(0xffffffff).map((count) => words(count)),
  );

  it.each(["esp32", "esp32c3"] as const)(
    "neither breaks the %s nor makes it answer out of form",
    async (chip) => {
      await fc.assert(
        fc.asyncProperty(fc.boolean(), fc.array(anyFrame, { maxLength: 30 }), async (stub, frames) => {
          loader = newLoader(chip);
          if (stub) await startStub();
          for (const frame of frames) {
            for (const answer of (await loader.handle(frame)).frames)
              expect(answer.length).toBeLessThanOrEqual(4096);
          }
          loader.close();
        }),
        { numRuns: 150 },
      );
    },
  );
});
