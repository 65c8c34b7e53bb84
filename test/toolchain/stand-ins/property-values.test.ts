import { describe, expect, it } from "vitest";
import {
  containsSecrets,
  containsUnknowns,
  equal,
  secret,
  UNKNOWN,
  withoutSecrets,
} from "../../../toolchain/stand-ins/property-values.ts";

describe("property values", () => {
  it("open envelopes at any depth", () => {
    expect(withoutSecrets({ a: secret("x"), b: [secret({ c: secret(1) })] })).toEqual({
      a: "x",
      b: [{ c: 1 }],
    });
  });

  it("do not wrap a secret twice", () => {
    expect(secret(secret("x"))).toEqual(secret("x"));
  });

  it("find secrets and unknowns wherever they are", () => {
    expect(containsSecrets({ a: [{ b: secret(null) }] })).toBe(true);
    expect(containsUnknowns({ a: secret([UNKNOWN]) })).toBe(true);
    expect(containsSecrets({ a: [1, null] }) || containsUnknowns({ a: "x" })).toBe(false);
  });

  it("compare by content, whatever the order of keys", () => {
    expect(equal({ a: 1, b: [null, "x"] }, { b: [null, "x"], a: 1 })).toBe(true);
    expect(equal({ a: 1 }, { a: 1, b: null })).toBe(false);
    expect(equal([1, 2], [2, 1])).toBe(false);
    expect(equal("1", 1)).toBe(false);
  });
});
