// What goes into an image: an entry, and the checks of one by itself. Touches nothing.
import type { NvsType } from "../../model/nvs-type.ts";
import {
  LONGEST_BLOB,
  LONGEST_KEY,
  LONGEST_STRING,
  LONGEST_V1,
  type NvsIntegerType,
  type NvsVersion,
} from "./format.ts";

/** One key and its value. Integers are numbers, or bigints where a number cannot hold them. */
export interface NvsEntry {
  namespace: string;
  key: string;
  type: NvsType;
  value: number | bigint | string | Uint8Array;
}

/** Opens a namespace at this place of the image, even if nothing follows in it. Not needed before an entry. */
export interface NvsNamespace {
  namespace: string;
  key?: undefined;
}

export type NvsRow = NvsEntry | NvsNamespace;

/** Text from outside, for messages: control characters are escaped, so that it cannot act on a terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`,
  );
}

/** The smallest and largest value of each integer type, inclusive. */
export const INTEGER_RANGE: Record<NvsIntegerType, readonly [bigint, bigint]> = {
  u8: [0n, 2n ** 8n - 1n],
  i8: [-(2n ** 7n), 2n ** 7n - 1n],
  u16: [0n, 2n ** 16n - 1n],
  i16: [-(2n ** 15n), 2n ** 15n - 1n],
  u32: [0n, 2n ** 32n - 1n],
  i32: [-(2n ** 31n), 2n ** 31n - 1n],
  u64: [0n, 2n ** 64n - 1n],
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** The same for the types whose values a number holds, for speed. */
const SMALL_RANGE: Partial<Record<NvsType, readonly [number, number]>> = {
  u8: [0, 0xff],
  i8: [-0x80, 0x7f],
  u16: [0, 0xffff],
  i16: [-0x8000, 0x7fff],
  u32: [0, 0xffffffff],
  i32: [-0x80000000, 0x7fffffff],
};

/**
 * What is wrong with a key or a namespace's name, or undefined. The library takes any 1 to 15 bytes without a NUL;
 * control characters we refuse, because such a key can only be a mistake or an attack on someone's terminal.
 */
export function nameProblem(what: "key" | "namespace", name: string): string | undefined {
  if (typeof name !== "string" || name.length === 0) return `the ${what} is empty`;
  let plain = name.length <= LONGEST_KEY;
  for (let at = 0; plain && at < name.length; at++) {
    const code = name.charCodeAt(at);
    plain = code > 0x1f && code < 0x7f;
  }
  return plain ? undefined : unusualNameProblem(what, name);
}

function unusualNameProblem(what: "key" | "namespace", name: string): string | undefined {
  if (!name.isWellFormed()) return `the ${what} ${JSON.stringify(name)} is not valid Unicode`;
  if (/\p{Cc}/u.test(name)) return `the ${what} "${printable(name)}" has a control character`;
  const bytes = Buffer.byteLength(name);
  if (bytes <= LONGEST_KEY) return undefined;
  return `the ${what} "${printable(name)}" is ${bytes} bytes long; NVS allows ${LONGEST_KEY}`;
}

/** What is wrong with an entry's type and value, or undefined. Never quotes the value: it may be a secret. */
export function valueProblem(entry: NvsEntry, version: NvsVersion): string | undefined {
  const { type, value } = entry;
  if (type === "string") {
    if (typeof value !== "string") return `a value of type string is needed, not ${kindOf(value)}`;
    return stringProblem(value, version);
  }
  if (type === "blob") {
    if (!(value instanceof Uint8Array)) return `a value of type blob has to be bytes, not ${kindOf(value)}`;
    const longest = version === 1 ? LONGEST_V1 : LONGEST_BLOB;
    return value.length > longest ? tooLong("blob", value.length, longest, version) : undefined;
  }
  const small = SMALL_RANGE[type];
  if (small && typeof value === "number" && value >= small[0] && value <= small[1] && Number.isInteger(value))
    return;
  return integerProblem(type, value);
}

function stringProblem(value: string, version: NvsVersion): string | undefined {
  if (!value.isWellFormed()) return "the string is not valid Unicode";
  if (value.includes("\0")) return "the string has a NUL in it, where its reader would end it";
  const longest = version === 1 ? LONGEST_V1 : LONGEST_STRING;
  // one UTF-16 unit is three bytes at most
  const bytes = value.length * 3 < longest ? 0 : Buffer.byteLength(value) + 1;
  return bytes > longest ? tooLong("string (with its NUL)", bytes, longest, version) : undefined;
}

function integerProblem(type: NvsType, value: NvsEntry["value"]): string | undefined {
  const range = INTEGER_RANGE[type as NvsIntegerType];
  if (!range)
    return `the type "${String(type)}" is unknown; known are ${Object.keys(INTEGER_RANGE).join(", ")}, string, blob`;
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    return Number.isInteger(value)
      ? `an integer beyond 2^53 has to be given as a bigint, lest it be rounded`
      : `a value of type ${type} has to be a whole number`;
  }
  if (typeof value !== "number" && typeof value !== "bigint") {
    return `a value of type ${type} has to be a whole number, not ${kindOf(value)}`;
  }
  const [low, high] = range;
  return value < low || value > high ? `the value does not fit ${type} (${low} to ${high})` : undefined;
}

function tooLong(what: string, bytes: number, longest: number, version: NvsVersion): string {
  const other = version === 1 ? "; format version 2 allows more" : "";
  return `the ${what} is ${bytes} bytes long; at most ${longest} fit${other}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return "bytes";
  return typeof value;
}
