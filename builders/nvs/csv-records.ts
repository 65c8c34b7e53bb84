// A CSV whose first row names its columns: records by column, with their lines. Touches nothing.
import type { Problem } from "../../model/problem.ts";
import { type CsvRow, readCsv } from "./csv-reader.ts";

export interface CsvSource {
  /** Name for messages. */
  file: string;
  /** The whole file; as bytes it has to be UTF-8. */
  content: string | Uint8Array;
}

export interface CsvRecord<C extends string> {
  line: number;
  fields: Record<C, string>;
}

/** Reads the records; adds to `problems` what is wrong with the file. */
export function readCsvRecords<C extends string>(
  source: CsvSource,
  columns: readonly C[],
  problems: Problem[],
): CsvRecord<C>[] {
  const report = (line: number, message: string) =>
    problems.push({ file: source.file, line, column: 1, path: "", message });
  const text = decodeText(source.content);
  if (text === undefined) {
    report(1, "the file is no UTF-8 text");
    return [];
  }
  const { rows, mistakes } = readCsv(text);
  for (const { line, message } of mistakes) report(line, message);
  const [header, ...rest] = rows;
  if (!header) {
    if (mistakes.length === 0)
      report(1, `the file is empty; a first row \`${columns.join(",")}\` is expected`);
    return [];
  }
  const wrong = headerProblem(header.fields, columns);
  if (wrong) {
    report(header.line, wrong);
    return [];
  }
  const pick = columnPicker(header.fields, columns);
  const records: CsvRecord<C>[] = [];
  for (const row of rest) {
    const mistake = lengthProblem(row, header.fields.length);
    if (mistake) report(row.line, mistake);
    else records.push({ line: row.line, fields: pick(row.fields) });
  }
  return records;
}

/** Text of UTF-8 bytes; undefined if they are not. */
export function decodeText(content: string | Uint8Array): string | undefined {
  if (typeof content === "string") return content;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return undefined;
  }
}

/** What is wrong with a first row that has to name `columns`, in any order. */
export function headerProblem(header: readonly string[], columns: readonly string[]): string | undefined {
  const missing = columns.filter((column) => !header.includes(column));
  if (missing.length > 0) {
    return `the first row has to name the columns ${columns.join(",")}; it lacks ${missing.join(", ")}`;
  }
  const twice = columns.find((column) => header.indexOf(column) !== header.lastIndexOf(column));
  return twice === undefined ? undefined : `the column ${twice} is named twice`;
}

/** What is wrong with a row's number of fields. Empty ones too many do no harm. */
export function lengthProblem({ fields }: CsvRow, columns: number): string | undefined {
  const counts = `the row has ${fields.length} fields, the first row ${columns}`;
  if (fields.length < columns) return counts;
  return fields.slice(columns).every((field) => field === "")
    ? undefined
    : `${counts}; a value with commas has to be quoted`;
}

function columnPicker<C extends string>(
  header: readonly string[],
  columns: readonly C[],
): (fields: string[]) => Record<C, string> {
  const places = columns.map((column) => [column, header.indexOf(column)] as const);
  return (fields) =>
    Object.fromEntries(places.map(([column, at]) => [column, fields[at] ?? ""])) as Record<C, string>;
}
