// What every image of a batch holds, and in which column of the values file each device's own values stand.
// Touches nothing. Takes the two files of ESP-IDF's mfg_gen (tools/mass_mfg/docs/README.rst), or one file whose
// column names say it all: NAMESPACE/KEY:ENCODING.
import type { Problem } from "../../../model/problem.ts";
import { suggest } from "../../../model/suggest.ts";
import { readCsv } from "../csv-reader.ts";
import { type CsvSource, decodeText } from "../csv-records.ts";
import { ENCODINGS } from "../csv-values.ts";

export interface LayoutKey {
  namespace: string;
  key: string;
  type: "data" | "file";
  encoding: string;
  /** Its first value holds for every device. */
  repeat: boolean;
}

/** A namespace by itself, or a key in one. */
export type LayoutItem = LayoutKey | { namespace: string; key?: undefined };

/** A layout whose keys know their column. */
export interface BoundLayout {
  items: LayoutItem[];
  /** For each item its column in the values file, -1 for a namespace. */
  columns: number[];
  /** How many columns the values file has. */
  width: number;
  /** Column whose value names the device's files, if one was asked for. */
  idColumn: number | undefined;
}

const TYPES = ["namespace", "data", "file"];

/** Reads mfg_gen's configuration file: rows `key,type,encoding[,REPEAT]` without a header. */
export function readLayout(source: CsvSource, problems: Problem[]): LayoutItem[] {
  const items: LayoutItem[] = [];
  const report = (line: number, path: string, message: string, suggestion?: string) =>
    problems.push({
      file: source.file,
      line,
      column: 1,
      path,
      message,
      ...(suggestion !== undefined && { suggestion }),
    });
  const text = decodeText(source.content);
  if (text === undefined) {
    report(1, "", "the file is no UTF-8 text");
    return [];
  }
  const { rows, mistakes } = readCsv(text);
  for (const { line, message } of mistakes) report(line, "", message);
  let namespace: string | undefined;
  for (const { line, fields } of rows) {
    const [key = "", type = "", encoding = "", tag = "", ...rest] = fields;
    if (type === "namespace") {
      namespace = key;
      items.push({ namespace });
    } else if (type !== "data" && type !== "file") {
      report(
        line,
        key,
        `the type ${JSON.stringify(type)} is unknown; known are ${TYPES.join(", ")}`,
        suggest(type, TYPES),
      );
    } else if (namespace === undefined) {
      report(line, key, "the key stands before any namespace; begin with a row `NAME,namespace,`");
    } else if (!isEncoding(encoding)) {
      report(
        line,
        key,
        `the encoding ${JSON.stringify(encoding)} is unknown; known are ${ENCODINGS.join(", ")}`,
      );
    } else if (rest.some((field) => field !== "") || (tag !== "" && tag !== "REPEAT")) {
      report(line, key, "after key,type,encoding there can only be REPEAT");
    } else items.push({ namespace, key, type, encoding, repeat: tag === "REPEAT" });
  }
  if (rows.length === 0 && mistakes.length === 0)
    report(1, "", "the file is empty; rows `key,type,encoding` are expected");
  return items;
}

function isEncoding(encoding: string): boolean {
  const name = encoding.toLowerCase().replace(/\(.*$/s, "");
  return ENCODINGS.includes(name);
}

/** A layout from the column names NAMESPACE/KEY:ENCODING; other columns are left alone. */
export function layoutOfHeader(header: readonly string[]): LayoutItem[] {
  return header.flatMap((name) => {
    const [, namespace, key, encoding] = /^([^/]+)\/(.+):([^:]+)$/s.exec(name) ?? [];
    if (namespace === undefined || key === undefined || encoding === undefined) return [];
    return [{ namespace, key, type: "data" as const, encoding, repeat: false }];
  });
}

/** Finds each key's column; where a key is in two namespaces, its columns are taken in their order. */
export function bindLayout(
  items: readonly LayoutItem[],
  header: readonly string[],
  options: { named: boolean; fileId?: string | undefined },
  report: (message: string, suggestion?: string) => void,
): BoundLayout {
  const columns = items.map((item, at) => {
    if (item.key === undefined) return -1;
    const name = options.named ? `${item.namespace}/${item.key}:${item.encoding}` : item.key;
    const before = items.slice(0, at).filter((other) => other.key === item.key).length;
    const column = nthIndex(header, name, options.named ? 0 : before);
    if (column === -1)
      report(`there is no column for the key ${JSON.stringify(item.key)} of namespace "${item.namespace}"`);
    return column;
  });
  const idColumn = options.fileId === undefined ? undefined : header.indexOf(options.fileId);
  if (idColumn === -1) {
    report(
      `there is no column ${JSON.stringify(options.fileId)} to name the files by`,
      suggest(options.fileId!, header),
    );
  }
  return { items: [...items], columns, width: header.length, idColumn };
}

function nthIndex(list: readonly string[], wanted: string, n: number): number {
  let at = -1;
  for (let i = 0; i <= n; i++) {
    at = list.indexOf(wanted, at + 1);
    if (at === -1) return -1;
  }
  return at;
}
