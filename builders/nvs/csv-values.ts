// The encodings of Espressif's CSV: the text of a value to what NVS keeps, and back. Touches nothing.
// Source: ESP-IDF, "NVS Partition Generator Utility" (components/nvs_flash/nvs_partition_generator/README.rst).
import type { NvsType } from "../../model/nvs-type.ts";
import type { NvsEntry } from "./entry.ts";
import { LONGEST_BLOB } from "./format.ts";

export interface TypedValue {
  type: NvsType;
  value: NvsEntry["value"];
}

/** A value that cannot be read as its encoding. The message never quotes the value, which may be a secret. */
export class CsvValueError extends Error {}

const INTEGERS: ReadonlySet<string> = new Set(["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"]);
export const ENCODINGS = [...INTEGERS, "string", "hex2bin", "base64", "binary", "blob_fill", "blob_sz_fill"];
const FILL = /^(blob_fill|blob_sz_fill)\(([0-9]+);0x([0-9a-f]{2})\)$/;

/**
 * Reads a value.
 *
 * @param source the text in the CSV, or the bytes of the file it names
 * @throws CsvValueError with what was expected
 */
export function readCsvValue(encoding: string, source: string | Uint8Array): TypedValue {
  const name = encoding.toLowerCase();
  if (INTEGERS.has(name)) return { type: name as NvsType, value: readInteger(textOf(source)) };
  if (name === "string") return { type: "string", value: textOf(source) };
  if (name === "binary") return { type: "blob", value: bytesOf(source) };
  if (name === "hex2bin") return { type: "blob", value: readHex(textOf(source).trim()) };
  if (name === "base64") return { type: "blob", value: readBase64(textOf(source)) };
  if (name.startsWith("blob_")) return { type: "blob", value: fill(name, bytesOf(source)) };
  throw new CsvValueError(
    `the encoding ${JSON.stringify(encoding)} is unknown; known are ${ENCODINGS.join(", ")}`,
  );
}

/** The text of a value in the encoding that fits its type. */
export function writeCsvValue(entry: NvsEntry): { encoding: string; text: string } {
  if (entry.type !== "blob") return { encoding: entry.type, text: String(entry.value) };
  return { encoding: "base64", text: Buffer.from(entry.value as Uint8Array).toString("base64") };
}

function textOf(source: string | Uint8Array): string {
  if (typeof source === "string") return source;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(source);
  } catch {
    throw new CsvValueError("the file is no UTF-8 text; encoding binary takes any bytes");
  }
}

function bytesOf(source: string | Uint8Array): Uint8Array {
  return typeof source === "string" ? Buffer.from(source) : source;
}

function readInteger(text: string): number | bigint {
  if (!/^\s*[+-]?[0-9]+\s*$/.test(text)) throw new CsvValueError("a whole decimal number is expected");
  // more digits than any type has; BigInt would take long over millions
  if (text.length > 1000) throw new CsvValueError("the number has too many digits");
  const value = BigInt(text.trim().replace(/^\+/, ""));
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

function readHex(text: string): Uint8Array {
  if (!/^[0-9a-fA-F]*$/.test(text)) throw new CsvValueError("only the digits 0-9 and a-f are expected");
  if (text.length % 2 !== 0) throw new CsvValueError("an even number of hexadecimal digits is expected");
  return Buffer.from(text, "hex");
}

function readBase64(text: string): Uint8Array {
  const compact = text.replace(/[ \t\r\n]+/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(compact) || compact.length % 4 !== 0) {
    throw new CsvValueError("base64 is expected, with its padding and nothing else in between");
  }
  return Buffer.from(compact, "base64");
}

/** `blob_fill(n;0xNN)`: n bytes. `blob_sz_fill(n;0xNN)`: the value's length as u32, then n bytes. */
function fill(encoding: string, value: Uint8Array): Uint8Array {
  const match = FILL.exec(encoding);
  if (!match)
    throw new CsvValueError("the form blob_fill(LENGTH;0xNN) or blob_sz_fill(LENGTH;0xNN) is expected");
  const length = Number(match[2]);
  const start = match[1] === "blob_sz_fill" ? 4 : 0;
  if (length + start > LONGEST_BLOB) throw new CsvValueError(`a blob has at most ${LONGEST_BLOB} bytes`);
  if (value.length > length)
    throw new CsvValueError(`the value has ${value.length} bytes, more than the ${length} to fill`);
  const blob = Buffer.alloc(start + length, Number.parseInt(match[3]!, 16));
  if (start > 0) blob.writeUInt32LE(value.length);
  blob.set(value, start);
  return blob;
}
