// The value types of NVS: their ranges, the default type of a plain value, and reading a value as a type.
// Pure; touches nothing. Limits: https://docs.espressif.com/projects/esp-idf/en/stable/esp32/api-reference/storage/nvs_flash.html
import { Buffer } from "node:buffer";

export type NvsType = "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "u64" | "i64" | "string" | "blob";

export const NVS_TYPES = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "string", "blob"] as const;

/** A value as it stands in a manifest or in a TypeScript program. */
export type PlainValue = string | number | boolean;

/** Longest name of a key or a namespace, in bytes. */
export const NVS_NAME_MAX = 15;
/**
 * Longest string, in bytes of UTF-8 without the closing NUL. The format allows 3999, but a string may not cross
 * a page and Espressif's own generator fails above 3967, so this is what every tool can write.
 */
export const NVS_STRING_MAX = 3967;
/** Longest blob, in bytes: `min(508000, 97.6 % of the partition − 4000)`; the image builder checks the second part. */
export const NVS_BLOB_MAX = 508_000;

const INTEGER_RANGES = {
  u8: [0n, 0xffn],
  i8: [-0x80n, 0x7fn],
  u16: [0n, 0xffffn],
  i16: [-0x8000n, 0x7fffn],
  u32: [0n, 0xffff_ffffn],
  i32: [-0x8000_0000n, 0x7fff_ffffn],
  u64: [0n, 0xffff_ffff_ffff_ffffn],
  i64: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
} as const;

type IntegerType = keyof typeof INTEGER_RANGES;

function isIntegerType(type: NvsType): type is IntegerType {
  return type !== "string" && type !== "blob";
}

/**
 * The type of a setting for which no mapping names one: text → string, true/false → u8, an integer → i32, or i64
 * where 32 bits are too few. It is i32 and not the smallest that fits, so that a value that grows from 200 to 300
 * keeps its type and firmware that reads it with `nvs_get_i32` goes on working. A fractional number is text: NVS
 * has no floating point.
 */
export function defaultNvsType(value: PlainValue): NvsType {
  if (typeof value === "boolean") return "u8";
  if (typeof value === "string" || !Number.isInteger(value)) return "string";
  return value >= -0x8000_0000 && value <= 0x7fff_ffff ? "i32" : "i64";
}

/** A value that does not fit its type. The message never contains the value, which may be secret. */
export class NvsValueError extends Error {}

/**
 * Reads a plain value, or the text of a secret, as a value of an NVS type.
 * Integers up to 32 bits come back as number, 64-bit ones as bigint (exact), blobs (base64 text) as bytes.
 * @throws NvsValueError with what was expected
 */
export function parseNvsValue(type: NvsType, value: PlainValue): bigint | number | string | Uint8Array {
  if (isIntegerType(type)) return parseInteger(type, value);
  return type === "string" ? parseString(value) : parseBlob(value);
}

/** What is wrong with a value for a type, or undefined. */
export function nvsValueProblem(type: NvsType, value: PlainValue): string | undefined {
  try {
    parseNvsValue(type, value);
    return undefined;
  } catch (error) {
    if (error instanceof NvsValueError) return error.message;
    throw error;
  }
}

function parseInteger(type: IntegerType, value: PlainValue): bigint | number {
  const [min, max] = INTEGER_RANGES[type];
  const integer = toBigInt(value);
  if (integer === undefined || integer < min || integer > max) {
    throw new NvsValueError(`expected an integer from ${min} to ${max} (${type})`);
  }
  return type === "u64" || type === "i64" ? integer : Number(integer);
}

function toBigInt(value: PlainValue): bigint | undefined {
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (!/^(-?[0-9]{1,20}|0x[0-9a-fA-F]{1,16})$/.test(value)) return undefined;
  return BigInt(value);
}

function parseString(value: PlainValue): string {
  const text = String(value);
  if (text.includes("\0")) throw new NvsValueError("expected text without NUL, which ends a string in NVS");
  if (!text.isWellFormed()) throw new NvsValueError("expected well-formed Unicode text");
  const length = Buffer.byteLength(text);
  if (length > NVS_STRING_MAX) {
    throw new NvsValueError(
      `expected text of at most ${NVS_STRING_MAX} bytes, this has ${length}; use type blob for more`,
    );
  }
  return text;
}

function parseBlob(value: PlainValue): Uint8Array {
  if (typeof value !== "string" || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value)) {
    throw new NvsValueError("expected base64 text (blob)");
  }
  const text = value.replace(/\s+/g, "");
  const bytes = Buffer.from(text, "base64");
  // Buffer drops what it can't read; what it read must give the same text again
  if (bytes.toString("base64") !== text) {
    throw new NvsValueError("expected base64 text (blob), whole groups of four with their padding");
  }
  if (bytes.length > NVS_BLOB_MAX)
    throw new NvsValueError(`expected a blob of at most ${NVS_BLOB_MAX} bytes`);
  return new Uint8Array(bytes);
}
