// Composes passwords by the rules of random_password. Pure but for the system's random numbers.
// Rules: https://registry.terraform.io/providers/hashicorp/random/latest/docs/resources/password
import { randomInt } from "node:crypto";

export interface PasswordRules {
  length: number;
  lower: boolean;
  upper: boolean;
  numeric: boolean;
  special: boolean;
  minLower: number;
  minUpper: number;
  minNumeric: number;
  minSpecial: number;
  /** Replaces the built-in special characters; empty means none given. */
  overrideSpecial: string;
}

export const LOWER = "abcdefghijklmnopqrstuvwxyz";
export const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
export const DIGITS = "0123456789";
export const SPECIAL = "!@#$%&*()-_=+[]{}<>:?";

/**
 * The smallest counts are met first, from their class whether or not that class is switched on; the rest
 * comes from all that are switched on; then the order is shuffled. A character may be any code point.
 */
export function composePassword(rules: PasswordRules): string {
  const special = rules.overrideSpecial || SPECIAL;
  const pool = [
    rules.upper ? UPPER : "",
    rules.lower ? LOWER : "",
    rules.numeric ? DIGITS : "",
    rules.special ? special : "",
  ].join("");
  const required = [
    ...pick(DIGITS, rules.minNumeric),
    ...pick(LOWER, rules.minLower),
    ...pick(UPPER, rules.minUpper),
    ...pick(special, rules.minSpecial),
  ];
  return shuffled([...required, ...pick(pool, rules.length - required.length)]).join("");
}

/** What is wrong with the rules, by property; empty where a password can be made. */
export function passwordRuleProblems(rules: PasswordRules): { property: string; reason: string }[] {
  const problems: { property: string; reason: string }[] = [];
  const sum = rules.minLower + rules.minUpper + rules.minNumeric + rules.minSpecial;
  if (rules.length < 1)
    problems.push({ property: "length", reason: `must be at least 1, got ${rules.length}` });
  else if (rules.length < sum) {
    problems.push({
      property: "length",
      reason: `must be at least the sum of minLower, minUpper, minNumeric and minSpecial (${sum}), got ${rules.length}`,
    });
  }
  if (!(rules.lower || rules.upper || rules.numeric || rules.special)) {
    problems.push({ property: "numeric", reason: "one of lower, upper, numeric and special must be true" });
  }
  return problems;
}

/** `randomInt` draws without bias. */
function pick(characters: string, count: number): string[] {
  const choices = Array.from(characters);
  return Array.from({ length: Math.max(0, count) }, () => choices[randomInt(choices.length)]!);
}

/** Fisher and Yates. */
function shuffled(items: string[]): string[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
  return items;
}
