// Espressif's CSV of NVS entries: read with every mistake's place, and written. Touches nothing; files that rows
// name are read by the function the caller passes.
import { type Problem, ProblemsError, tidyProblems } from "../../model/problem.ts";
import { suggest } from "../../model/suggest.ts";
import { type CsvSource, readCsvRecords } from "./csv-records.ts";
import { CsvValueError, readCsvValue, type TypedValue, writeCsvValue } from "./csv-values.ts";
import { type NvsRow, printable } from "./entry.ts";
import { findRowProblems, type GenerateOptions, generateNvs } from "./generate.ts";
import { NvsInputError, type NvsRowProblem } from "./nvs-input-error.ts";

export type { CsvSource } from "./csv-records.ts";

/** Reads a file that a row of type `file` names. May throw; the row is then reported. */
export type ReadFile = (path: string) => Uint8Array;

export interface PlacedRow {
  row: NvsRow;
  file: string;
  /** Line on which the row begins, from 1. */
  line: number;
}

const COLUMNS = ["key", "type", "encoding", "value"] as const;
type Column = (typeof COLUMNS)[number];
const TYPES = ["namespace", "data", "file"];

/**
 * The image that the CSV files describe, one after the other.
 *
 * @throws ProblemsError with everything that is wrong in them
 * @throws VisibleError if the image as a whole cannot be
 */
export function generateNvsFromCsv(
  sources: readonly CsvSource[],
  options: GenerateOptions & { readFile: ReadFile },
): Uint8Array {
  const { placed, problems } = collectRows(sources, options.readFile);
  const rows = placed.map((one) => one.row);
  problems.push(...placeProblems(findRowProblems(rows, options.version ?? 2), placed));
  if (problems.length > 0) throw new ProblemsError(tidyProblems(problems));
  try {
    return generateNvs(rows, options);
  } catch (error) {
    if (!(error instanceof NvsInputError)) throw error;
    throw new ProblemsError(placeProblems(error.problems, placed));
  }
}

/**
 * The rows of the files. A namespace holds on from one file into the next, as in Espressif's tool.
 *
 * @throws ProblemsError with everything that is wrong
 */
export function readNvsCsv(sources: readonly CsvSource[], readFile: ReadFile): PlacedRow[] {
  const { placed, problems } = collectRows(sources, readFile);
  if (problems.length > 0) throw new ProblemsError(tidyProblems(problems));
  return placed;
}

function placeProblems(problems: readonly NvsRowProblem[], placed: readonly PlacedRow[]): Problem[] {
  return problems.map(({ row, message }) => ({ ...placeOf(placed[row]!), message }));
}

function placeOf({ row, file, line }: PlacedRow): Omit<Problem, "message"> {
  return {
    file,
    line,
    column: 1,
    path: printable(row.key === undefined ? row.namespace : `${row.namespace}/${row.key}`),
  };
}

function collectRows(
  sources: readonly CsvSource[],
  readFile: ReadFile,
): { placed: PlacedRow[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const placed: PlacedRow[] = [];
  let namespace: string | undefined;
  for (const source of sources) {
    for (const record of readCsvRecords(source, COLUMNS, problems)) {
      const report = (message: string, suggestion?: string) =>
        problems.push({
          file: source.file,
          line: record.line,
          column: 1,
          path: printable(record.fields.key),
          message,
          ...(suggestion !== undefined && { suggestion }),
        });
      const row = readRow(record.fields, namespace, readFile, report);
      if (record.fields.type === "namespace") namespace = record.fields.key;
      if (row) placed.push({ row, file: source.file, line: record.line });
    }
  }
  return { placed, problems };
}

function readRow(
  { key, type, encoding, value }: Record<Column, string>,
  namespace: string | undefined,
  readFile: ReadFile,
  report: (message: string, suggestion?: string) => void,
): NvsRow | undefined {
  if (type === "namespace") return { namespace: key };
  if (!TYPES.includes(type)) {
    report(
      `the type ${JSON.stringify(type)} is unknown; known are ${TYPES.join(", ")}`,
      suggest(type, TYPES),
    );
    return undefined;
  }
  if (namespace === undefined) {
    report("the key stands before any namespace; begin with a row `NAME,namespace,,`");
    return undefined;
  }
  try {
    return {
      namespace,
      key,
      ...readTypedValue(type === "file" ? "file" : "data", encoding, value, readFile),
    };
  } catch (error) {
    if (!(error instanceof CsvValueError)) throw error;
    report(error.message);
    return undefined;
  }
}

/** The value of a row of type data or file. @throws CsvValueError */
export function readTypedValue(
  type: "data" | "file",
  encoding: string,
  value: string,
  readFile: ReadFile,
): TypedValue {
  return readCsvValue(encoding, type === "file" ? contentOf(value, readFile) : value);
}

function contentOf(path: string, readFile: ReadFile): Uint8Array {
  try {
    return readFile(path);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CsvValueError(`the file ${JSON.stringify(path)} cannot be read: ${reason}`);
  }
}

/** The entries in Espressif's CSV, which both their tool and ours make the same image of. */
export function entriesToCsv(rows: readonly NvsRow[]): string {
  const lines = [COLUMNS.join(",")];
  let namespace: string | undefined;
  for (const row of rows) {
    if (row.namespace !== namespace || row.key === undefined) {
      namespace = row.namespace;
      lines.push(`${csvField(namespace)},namespace,,`);
    }
    if (row.key === undefined) continue;
    const { encoding, text } = writeCsvValue(row);
    lines.push(`${csvField(row.key)},data,${encoding},${csvField(text)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** One field: quoted where a reader would otherwise cut it up or take its line for a comment. */
export function csvField(text: string): string {
  return /[",\r\n]|^#/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
