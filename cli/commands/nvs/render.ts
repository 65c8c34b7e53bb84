// How decoded images are shown. Touches nothing. Values are hidden unless asked for; text from an image never
// reaches a terminal as it is.
import type { DecodedEntry, DecodedNvs, NvsProblem, PageReport } from "../../../builders/nvs/decode.ts";
import type { NvsDifference } from "../../../builders/nvs/diff.ts";
import { printable } from "../../../builders/nvs/entry.ts";

const HIDDEN = "(hidden)";
const LONGEST_SHOWN = 200;

/** Text between quotes, control characters escaped. */
export function quoted(text: string): string {
  return printable(JSON.stringify(text));
}

/** A name, quoted only where it has to be. */
export function safeName(name: string): string {
  return /^[\w.:-]+$/.test(name) ? name : quoted(name);
}

export function valueText(value: DecodedEntry["value"]): string {
  const text =
    typeof value === "string"
      ? quoted(value)
      : value instanceof Uint8Array
        ? `${value.length} bytes ${Buffer.from(value.subarray(0, LONGEST_SHOWN)).toString("hex")}`
        : String(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** Columns, each as wide as its widest cell. */
function table(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

export function entriesTable(entries: readonly DecodedEntry[], showValues: boolean): string {
  const rows = entries.map((entry) => [
    safeName(entry.namespace),
    safeName(entry.key),
    entry.type,
    showValues ? valueText(entry.value) : HIDDEN,
  ]);
  return table([["NAMESPACE", "KEY", "TYPE", "VALUE"], ...rows]);
}

export function pagesTable(pages: readonly PageReport[]): string {
  const rows = pages.map((page) => [
    String(page.page),
    page.state,
    page.sequence === undefined ? "" : String(page.sequence),
    page.version === undefined ? "" : String(page.version),
    ...[page.written, page.erased, page.empty, page.illegal].map(String),
  ]);
  return table([["PAGE", "STATE", "SEQUENCE", "VERSION", "WRITTEN", "ERASED", "EMPTY", "ILLEGAL"], ...rows]);
}

export function problemLine(problem: NvsProblem): string {
  const entry = problem.entry === undefined ? "" : `, entry ${problem.entry}`;
  const names = [problem.namespace, problem.key].filter((name) => name !== undefined).map(safeName);
  const key = names.length > 0 ? ` ${names.join("/")}:` : "";
  return `page ${problem.page}${entry} (0x${problem.offset.toString(16)}):${key} ${printable(problem.message)}`;
}

/** Integers of 64 bits as decimal text, blobs as base64, for JSON has neither. */
function jsonValue(value: DecodedEntry["value"]): string | number {
  if (typeof value === "bigint") return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}

function jsonEntry(entry: DecodedEntry, showValues: boolean) {
  const { value, ...rest } = entry;
  return showValues ? { ...rest, value: jsonValue(value) } : rest;
}

export function jsonReport(decoded: DecodedNvs, showValues: boolean) {
  return { ...decoded, entries: decoded.entries.map((entry) => jsonEntry(entry, showValues)) };
}

export function jsonDifference({ before, after, ...rest }: NvsDifference, showValues: boolean) {
  return {
    ...rest,
    ...(before && { before: jsonEntry(before, showValues) }),
    ...(after && { after: jsonEntry(after, showValues) }),
  };
}

/** `~ wifi/ssid string`, and the values if asked. */
export function differenceLine(
  { namespace, key, change, before, after }: NvsDifference,
  showValues: boolean,
): string {
  const sign = { added: "+", removed: "-", changed: "~" }[change];
  const types = [...new Set([before?.type, after?.type].filter((type) => type !== undefined))].join(" → ");
  const sides = [before, after].filter((side) => side !== undefined);
  const values = showValues ? ` ${sides.map((side) => valueText(side.value)).join(" → ")}` : "";
  return `${sign} ${safeName(namespace)}/${safeName(key)} ${types}${values}`;
}
