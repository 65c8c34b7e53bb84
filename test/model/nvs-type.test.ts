import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  defaultNvsType,
  NVS_STRING_MAX,
  NvsValueError,
  nvsValueProblem,
  type PlainValue,
  parseNvsValue,
} from "../../model/nvs-type.ts";

const INTEGERS = [
  ["u8", 0n, 2n ** 8n - 1n],
  ["i8", -(2n ** 7n), 2n ** 7n - 1n],
  ["u16", 0n, 2n ** 16n - 1n],
  ["i16", -(2n ** 15n), 2n ** 15n - 1n],
  ["u32", 0n, 2n ** 32n - 1n],
  ["i32", -(2n ** 31n), 2n ** 31n - 1n],
  ["u64", 0n, 2n ** 64n - 1n],
  ["i64", -(2n ** 63n), 2n ** 63n - 1n],
] as const;

describe("reading a value as an NVS type", () => {
  it.each(INTEGERS)(
    "takes every %s from %d to %d, as decimal or hexadecimal text, and none beyond",
    (type, min, max) => {
      const read = (value: PlainValue) => BigInt(parseNvsValue(type, value) as number | bigint);
      fc.assert(
        fc.property(fc.bigInt({ min, max }), (value) => {
          expect(read(String(value))).toBe(value);
          if (value >= 0n) expect(read(`0x${value.toString(16)}`)).toBe(value);
          if (Number.isSafeInteger(Number(value))) expect(read(Number(value))).toBe(value);
        }),
      );
      for (const edge of [min, max]) expect(read(String(edge))).toBe(edge);
      for (const beyond of [min - 1n, max + 1n]) {
        expect(nvsValueProblem(type, String(beyond))).toBe(
          `expected an integer from ${min} to ${max} (${type})`,
        );
      }
    },
  );

  it("gives numbers up to 32 bits and bigints for 64", () => {
    expect(parseNvsValue("i32", "-7")).toBe(-7);
    expect(parseNvsValue("u64", 7)).toBe(7n);
  });

  it.each([
    "",
    " 1",
    "1 ",
    "1.0",
    "1e3",
    "+1",
    "--1",
    "0b1",
    "-0x1",
    "１",
    "1n",
    "9".repeat(400),
    1.5,
    Number.NaN,
    2 ** 53,
  ])("refuses %j as an integer", (value) => {
    expect(nvsValueProblem("i64", value)).toMatch(/^expected an integer/);
  });

  it("takes true and false as 1 and 0, and as text", () => {
    expect([parseNvsValue("u8", true), parseNvsValue("i64", false)]).toEqual([1, 0n]);
    expect(parseNvsValue("string", true)).toBe("true");
  });

  it("bounds text by its bytes in UTF-8 and refuses NUL and halves of characters", () => {
    expect(parseNvsValue("string", "é".repeat(1983))).toHaveLength(1983);
    expect(nvsValueProblem("string", "é".repeat(1984))).toMatch(
      `at most ${NVS_STRING_MAX} bytes, this has 3968`,
    );
    expect(nvsValueProblem("string", "a\0b")).toMatch(/NUL/);
    expect(nvsValueProblem("string", "\ud800")).toMatch(/well-formed/);
  });

  it("reads a blob from base64 and gives back any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        expect(parseNvsValue("blob", text)).toEqual(bytes);
        expect(parseNvsValue("blob", text.replace(/(.{20})/g, "$1\n"))).toEqual(bytes);
      }),
    );
    for (const wrong of ["a", "aGk", "aGl=", "a-_=", "=", "aGk=aGk=", 7, true]) {
      expect(nvsValueProblem("blob", wrong)).toMatch(/^expected base64/);
    }
  });

  it("never says the value, which may be secret", () => {
    fc.assert(
      fc.property(fc.constantFrom(...INTEGERS.map(([type]) => type), "blob" as const), (type) => {
        expect(() => parseNvsValue(type, "hunter2!")).toThrow(NvsValueError);
        expect(nvsValueProblem(type, "hunter2!")).not.toContain("hunter2");
      }),
    );
  });

  it("reads every plain value as the type it has by default", () => {
    const value = fc.oneof(
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(value, (each) => {
        fc.pre(!Number.isInteger(each) || Number.isSafeInteger(each));
        expect(nvsValueProblem(defaultNvsType(each), each)).toBeUndefined();
      }),
    );
  });
});
