import { describe, expect, it } from "vitest";
import { FaultyLine, parseFault } from "../../../flash/virtual-esp32/faults.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

describe("a fault", () => {
  it("is read from text, with decimal and hexadecimal numbers", () => {
    expect(parseFault("drop-byte@12")).toEqual({ kind: "drop-byte", at: 12 });
    expect(parseFault("cut@0x10")).toEqual({ kind: "cut", at: 16 });
    expect(parseFault("wrong-md5")).toEqual({ kind: "wrong-md5" });
    expect(parseFault("slow")).toEqual({ kind: "slow", milliseconds: 50 });
    expect(parseFault("slow@5")).toEqual({ kind: "slow", milliseconds: 5 });
    expect(parseFault("bad-block@0x10000")).toEqual({ kind: "bad-block", address: 0x10000 });
  });

  it.each([
    "",
    "drop-byte",
    "cut@",
    "cut@-1",
    "cut@1e3",
    "cut@1.5",
    "wrong-md5@1",
    "slow@99999",
    "explode",
    "bad-block@0x",
    "cut@5@5",
  ])("%j is refused, with the forms that there are", (text) => {
    expect(() => parseFault(text)).toThrow(/is no fault; expected drop-byte@N, cut@N, wrong-md5, slow/);
  });
});

describe("a faulty line", () => {
  it("loses the named bytes, counted over all pieces, once", () => {
    const line = new FaultyLine([
      { kind: "drop-byte", at: 1 },
      { kind: "drop-byte", at: 4 },
    ]);
    expect(line.pass(bytes(0, 1, 2)).bytes).toEqual(bytes(0, 2));
    expect(line.pass(bytes(3, 4, 5)).bytes).toEqual(bytes(3, 5));
    expect(line.pass(bytes(0, 1, 2)).bytes).toEqual(bytes(0, 1, 2));
  });

  it("is cut after the named count, and whole afterwards", () => {
    const line = new FaultyLine([{ kind: "cut", at: 4 }]);
    expect(line.pass(bytes(0, 1, 2))).toEqual({ bytes: bytes(0, 1, 2), cut: false });
    expect(line.pass(bytes(3, 4, 5))).toEqual({ bytes: bytes(3), cut: true });
    expect(line.pass(bytes(3, 4, 5))).toEqual({ bytes: bytes(3, 4, 5), cut: false });
  });

  it("passes everything without faults", () => {
    expect(new FaultyLine([{ kind: "wrong-md5" }]).pass(bytes(1, 2))).toEqual({
      bytes: bytes(1, 2),
      cut: false,
    });
  });
});
