// What docs/nvs-differences.md lists, as predicates over a case. Where none holds, both generators have to agree
// to the last byte; where one does, ours has to do what it says.
import type { NvsEntry } from "../../../../builders/nvs/generate.ts";
import type { NvsCase, Row } from "./rows.ts";

export interface KnownDifferences {
  /** Reasons for which ours refuses what theirs takes. */
  refused: string[];
  /** Reasons for which ours makes another image, which reads as the rows say. */
  other: string[];
}

const BLOBS = ["hex2bin", "base64", "binary"];
const INTEGERS = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"];

export function knownDifferences({ rows, asCsv }: NvsCase): KnownDifferences {
  const refused = new Set<string>();
  const other = new Set<string>();
  const spaces: string[] = [];
  const keys = new Set<string>();
  let current: string | undefined;
  for (const row of rows) {
    if (badName(row.key)) refused.add("a name that is empty, too long in bytes or has control characters");
    // theirs lets the entry grow by the bytes beyond, which does harm where it is the last of its page
    if (Buffer.byteLength(row.key) > row.key.length) other.add("a name beyond ASCII");
    if (row.type === "namespace") {
      if (!spaces.includes(row.key)) spaces.push(row.key);
      current = row.key;
      if (["sta.ssid", "sta.pswd"].includes(row.key)) other.add("a namespace named like a Wi-Fi key");
      continue;
    }
    if (row.type !== "data") refused.add("a type that does not exist");
    if (current === undefined) refused.add("a key before any namespace");
    else if (keys.has(`${current}\0${row.key}`)) refused.add("a key twice in its namespace");
    else if (current !== spaces.at(-1)) other.add("a namespace that is opened again");
    keys.add(`${current}\0${row.key}`);
    if (["sta.ssid", "sta.pswd"].includes(row.key)) other.add("Wi-Fi keys that bring others with them");
    judgeValue(row, refused, other);
    if (asCsv && /\r/.test(row.value)) other.add("a carriage return within quotes");
    if (asCsv && /[\n\r]#/.test(row.value)) other.add("a # at the start of a line within quotes");
    if (asCsv && /[\r\n]/.test(row.key)) refused.add("a line break in a key");
  }
  if (["ap.ssid", "ap.passwd", "ap.authmode"].every((key) => rows.some((row) => row.key === key))) {
    other.add("Wi-Fi keys that bring others with them");
  }
  if (spaces.length > 254) refused.add("a 255th namespace");
  return { refused: [...refused], other: [...other] };
}

function badName(name: string): boolean {
  return name === "" || Buffer.byteLength(name) > 15 || /\p{Cc}/u.test(name);
}

function judgeValue({ encoding, value }: Row, refused: Set<string>, other: Set<string>): void {
  const lower = encoding.toLowerCase();
  if (lower !== encoding && !INTEGERS.includes(lower)) other.add("an encoding in capitals");
  if (lower === "string" && value.includes("\0")) refused.add("a NUL in a string");
  if (lower === "binary" && Buffer.byteLength(value) > value.length) other.add("binary text beyond ASCII");
  if (
    lower === "base64" &&
    !/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value.replace(/\s/g, ""))
  ) {
    refused.add("base64 with something else in it");
  }
  if (INTEGERS.includes(lower) && /[^0-9+\s-]/.test(value)) refused.add("a number with _ or foreign digits");
  if (/^blob_(sz_)?fill\([0-9]+;0x[0-9a-f]{2}\)./i.test(encoding))
    refused.add("something after a fill's bracket");
}

/** What firmware should read, by the rows' plain meaning; undefined if some value means nothing. */
export function meaning(rows: readonly Row[]): NvsEntry[] | undefined {
  const entries: NvsEntry[] = [];
  let namespace = "";
  for (const { key, type, encoding, value } of rows) {
    if (type === "namespace") {
      namespace = key;
      continue;
    }
    const typed = meaningOf(encoding.toLowerCase(), value);
    if (!typed) return undefined;
    entries.push({ namespace, key, ...typed });
  }
  return entries;
}

function meaningOf(encoding: string, value: string): Pick<NvsEntry, "type" | "value"> | undefined {
  if (INTEGERS.includes(encoding)) {
    if (!/^\s*[+-]?[0-9]+\s*$/.test(value)) return undefined;
    return { type: encoding as NvsEntry["type"], value: BigInt(value.trim().replace("+", "")) };
  }
  if (encoding === "string") return { type: "string", value };
  if (BLOBS.includes(encoding)) {
    const form = encoding === "hex2bin" ? "hex" : encoding === "base64" ? "base64" : "utf8";
    return { type: "blob", value: Buffer.from(form === "utf8" ? value : value.trim(), form) };
  }
  const [, kind, length, byte] = /^(blob_fill|blob_sz_fill)\((\d+);0x(..)\)$/.exec(encoding) ?? [];
  if (!kind) return undefined;
  const text = Buffer.from(value);
  const padded = Buffer.alloc(Number(length), Number.parseInt(byte!, 16));
  text.copy(padded);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  return { type: "blob", value: kind === "blob_fill" ? padded : Buffer.concat([size, padded]) };
}
