import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlipDecoder, slipEncode } from "../../../flash/virtual-esp32/slip.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const decode = (decoder: SlipDecoder, input: Uint8Array) =>
  [...decoder.push(input)].map((frame) => [...frame]);

describe("SLIP", () => {
  it("escapes the two special bytes and puts a delimiter on both sides", () => {
    expect(slipEncode(bytes(1, 0xc0, 0xdb, 2))).toEqual(bytes(0xc0, 1, 0xdb, 0xdc, 0xdb, 0xdd, 2, 0xc0));
  });

  it("gives back every frame, however the stream is cut into pieces", () => {
    const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 50 }), (contents, step) => {
        const stream = Buffer.concat(contents.map((content) => slipEncode(content)));
        const decoder = new SlipDecoder(1000);
        const found: number[][] = [];
        for (let at = 0; at < stream.length; at += step)
          found.push(...decode(decoder, stream.subarray(at, at + step)));
        expect(found).toEqual(contents.map((content) => [...content]));
      }),
    );
  });

  it("drops what stands between frames, empty frames and frames with a wrong escape", () => {
    const decoder = new SlipDecoder(100);
    expect(
      decode(decoder, bytes(9, 9, 0xc0, 0xc0, 0xc0, 1, 0xc0, 7, 7, 0xc0, 0xdb, 5, 6, 0xc0, 2, 0xc0)),
    ).toEqual([[1], [2]]);
  });

  it("drops a frame that is too long and goes on with the next", () => {
    const decoder = new SlipDecoder(4);
    expect(decode(decoder, bytes(0xc0, 1, 2, 3, 4, 5, 6, 0xc0, 0xc0, 1, 2, 3, 4, 0xc0))).toEqual([
      [1, 2, 3, 4],
    ]);
  });

  it("finds the next frame after a lost delimiter", () => {
    const decoder = new SlipDecoder(100);
    // the first frame's end is missing: its content is given when the second one starts
    expect(decode(decoder, bytes(0xc0, 1, 0xc0, 2, 0xc0, 0xc0, 3, 0xc0))).toEqual([[1], [3]]);
  });
});
