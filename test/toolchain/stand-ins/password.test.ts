import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  composePassword,
  DIGITS,
  LOWER,
  type PasswordRules,
  passwordRuleProblems,
  SPECIAL,
  UPPER,
} from "../../../toolchain/stand-ins/random/password.ts";

const RULES: PasswordRules = {
  length: 20,
  lower: true,
  upper: true,
  numeric: true,
  special: true,
  minLower: 0,
  minUpper: 0,
  minNumeric: 0,
  minSpecial: 0,
  overrideSpecial: "",
};

const count = (text: string, characters: string) =>
  Array.from(text).filter((character) => characters.includes(character)).length;

describe("composing a password", () => {
  it("has the length asked for, the smallest counts, and nothing from classes that are off", () => {
    const small = fc.integer({ min: 0, max: 5 });
    const rules = fc.record({
      length: fc.integer({ min: 20, max: 80 }),
      lower: fc.boolean(),
      upper: fc.boolean(),
      numeric: fc.boolean(),
      special: fc.constant(true),
      minLower: small,
      minUpper: small,
      minNumeric: small,
      minSpecial: small,
      overrideSpecial: fc.constantFrom("", "_", "äß€"),
    });
    fc.assert(
      fc.property(rules, (given) => {
        const password = composePassword(given);
        const special = given.overrideSpecial || SPECIAL;
        expect(Array.from(password)).toHaveLength(given.length);
        for (const [on, least, characters] of [
          [given.lower, given.minLower, LOWER],
          [given.upper, given.minUpper, UPPER],
          [given.numeric, given.minNumeric, DIGITS],
          [given.special, given.minSpecial, special],
        ] as const) {
          expect(count(password, characters)).toBeGreaterThanOrEqual(least);
          // A smallest count is met even where the class is off, as the official plugin does.
          if (!on) expect(count(password, characters)).toBe(least);
        }
        expect(count(password, LOWER + UPPER + DIGITS + special)).toBe(given.length);
      }),
    );
  });

  it("draws every character of a class, and about equally often", () => {
    const drawn = composePassword({
      ...RULES,
      length: 100_000,
      upper: false,
      numeric: false,
      special: false,
    });
    const counts = Array.from(LOWER, (character) => count(drawn, character));
    // 100,000 draws of 26: the mean is 3,846 and one standard deviation 61; eight of those never happen.
    for (const each of counts) expect(Math.abs(each - 100_000 / 26)).toBeLessThan(8 * 61);
  });

  it("puts the required characters anywhere, not at the start", () => {
    const positions = new Set(
      Array.from({ length: 300 }, () =>
        composePassword({
          ...RULES,
          length: 8,
          minNumeric: 1,
          upper: false,
          numeric: false,
          special: false,
        }).search(/\d/),
      ),
    );
    expect(positions.size).toBe(8);
  });
});

describe("rules that cannot be met", () => {
  it("names the length where it is below 1 or below the sum of the smallest counts", () => {
    expect(passwordRuleProblems({ ...RULES, length: 0 })[0]?.property).toBe("length");
    expect(passwordRuleProblems({ ...RULES, length: 5, minLower: 3, minUpper: 3 })[0]?.reason).toContain(
      "(6)",
    );
    expect(passwordRuleProblems({ ...RULES, length: 6, minLower: 3, minUpper: 3 })).toEqual([]);
  });

  it("refuses rules without any class", () => {
    const rules = { ...RULES, lower: false, upper: false, numeric: false, special: false };
    expect(passwordRuleProblems(rules)).toHaveLength(1);
  });
});
