// The CSV of ESP-IDF's gen_esp32part.py: read, with offsets filled in as it does, and written. Touches nothing.
import { type Problem, ProblemsError, tidyProblems } from "../../model/problem.ts";
import { suggest } from "../../model/suggest.ts";
import {
  APP_ALIGNMENT,
  DATA_SUBTYPE,
  FLAG,
  hex,
  isPrimary,
  LONGEST_LABEL,
  type Partition,
  type PartitionTable,
  SECTOR_SIZE,
  subtypeName,
  subtypeNames,
  TABLE_OFFSET,
  TYPE,
  typeName,
} from "./partition-table.ts";

export interface PartitionCsvOptions {
  /** Name for messages. */
  file?: string;
  /** Where the table itself lies. Default 0x8000. */
  tableOffset?: number;
  /** Where the chip's bootloader lies; needed only if the CSV lists bootloaders. */
  primaryBootloaderOffset?: number;
  recoveryBootloaderOffset?: number;
}

interface Draft extends Omit<Partition, "offset"> {
  line: number;
  /** Absent where the CSV leaves it to us. */
  offset: number | undefined;
  /** The size column is an end address with a minus before it. */
  untilAddress: boolean;
}

class FieldError extends Error {
  readonly suggestion: string | undefined;
  constructor(message: string, suggestion?: string) {
    super(message);
    this.suggestion = suggestion;
  }
}

/**
 * Reads a table. Only its form is judged; checkPartitionTable judges the table.
 *
 * @throws ProblemsError with everything that is wrong, each with its line
 */
export function parsePartitionCsv(text: string, options: PartitionCsvOptions = {}): PartitionTable {
  const problems: Problem[] = [];
  const drafts: Draft[] = [];
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  for (const [index, raw] of lines.entries()) {
    const row = raw.trim();
    if (row === "" || row.startsWith("#")) continue;
    const line = index + 1;
    try {
      drafts.push(readLine(row, line, options));
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      const { message, suggestion } = error;
      const place = {
        file: options.file ?? "partition table",
        line,
        column: 1,
        path: row.split(",")[0]!.trim(),
      };
      problems.push({ ...place, message, ...(suggestion !== undefined && { suggestion }) });
    }
  }
  if (problems.length > 0) throw new ProblemsError(tidyProblems(problems));
  return place(drafts, options, problems);
}

function readLine(row: string, line: number, options: PartitionCsvOptions): Draft {
  if (row.includes("$")) throw new FieldError("variables are not expanded here; write the value itself");
  const fields = row.split(",").map((field) => field.trim());
  if (fields.length < 4) throw new FieldError("at least NAME,TYPE,SUBTYPE,OFFSET,SIZE are expected");
  const [name = "", typeText = "", subtypeText = "", offsetText = "", sizeText = "", flagText = ""] = fields;
  if (fields.slice(6).some((field) => field !== ""))
    throw new FieldError(`${fields.length} columns; there are six`);
  if (Buffer.byteLength(name) > LONGEST_LABEL)
    throw new FieldError(`the name is longer than ${LONGEST_LABEL} bytes`);
  const type = readNumber("type", typeText, TYPE);
  const subtype = readSubtype(type, subtypeText);
  if (type > 0xfe || subtype > 0xfe) throw new FieldError("a type and a subtype are at most 0xfe");
  const fixed = fixedPlace(type, subtype, options);
  const size = fixed.size ?? readNumber("size", sizeText, {});
  const offset =
    fixed.offset ??
    (offsetText === "" || isNotApplicable(type, offsetText)
      ? undefined
      : readNumber("offset", offsetText, {}));
  return {
    name,
    type,
    subtype,
    offset,
    size: Math.abs(size),
    untilAddress: size < 0,
    flags: readFlags(flagText),
    line,
  };
}

function isNotApplicable(type: number, text: string): boolean {
  return (type === TYPE.bootloader || type === TYPE.partition_table) && text.toUpperCase() === "N/A";
}

function readSubtype(type: number, text: string): number {
  if (text !== "") return readNumber("subtype", text, subtypeNames(type));
  if (type === TYPE.app)
    throw new FieldError("an app partition needs a subtype: factory, ota_0 to ota_15 or test");
  return DATA_SUBTYPE.undefined;
}

/** Place and size of what the chip and the table's own offset decide. */
function fixedPlace(
  type: number,
  subtype: number,
  options: PartitionCsvOptions,
): { offset?: number; size?: number } {
  const tableOffset = options.tableOffset ?? TABLE_OFFSET;
  if (type === TYPE.partition_table)
    return { size: SECTOR_SIZE, ...(subtype === 0 && { offset: tableOffset }) };
  if (type !== TYPE.bootloader) return {};
  const primary = options.primaryBootloaderOffset;
  if (primary === undefined) {
    throw new FieldError(
      "a bootloader in the table needs --primary-bootloader-offset (0x1000 on esp32, 0 on esp32c3)",
    );
  }
  const recovery = options.recoveryBootloaderOffset;
  if (subtype === 2 && recovery === undefined) throw new FieldError("it needs --recovery-bootloader-offset");
  const offset = subtype === 0 ? primary : subtype === 2 ? recovery : undefined;
  return { size: tableOffset - primary, ...(offset !== undefined && { offset }) };
}

/** A number in decimal, hex, octal or binary, with K or M after it, or one of `names`. */
function readNumber(what: string, text: string, names: Record<string, number>): number {
  if (text === "") throw new FieldError(`the ${what} is empty`);
  const match = /^(-?)(0x[0-9a-f]+|0o[0-7]+|0b[01]+|[0-9]+)([km]?)$/i.exec(text);
  if (match && !/^0[0-9]*[1-9]/.test(match[2]!)) {
    const factor = { "": 1, k: 0x400, m: 0x100000 }[match[3]!.toLowerCase()] ?? 1;
    const value = Number(match[2]) * factor * (match[1] ? -1 : 1);
    if (Math.abs(value) > 0xffffffff) throw new FieldError(`the ${what} ${text} does not fit 32 bits`);
    if (value < 0 && what !== "size") throw new FieldError(`the ${what} is negative`);
    return value;
  }
  const known = names[text.toLowerCase()];
  if (known !== undefined) return known;
  const list = Object.keys(names).length > 0 ? ` or one of ${Object.keys(names).join(", ")}` : "";
  throw new FieldError(
    `the ${what} ${JSON.stringify(text)} is no number${list}`,
    suggest(text, Object.keys(names)),
  );
}

function readFlags(text: string): number {
  let flags = 0;
  for (const name of text.split(":")) {
    if (name === "") continue;
    if (!Object.hasOwn(FLAG, name)) {
      throw new FieldError(`the flag ${JSON.stringify(name)} is unknown`, suggest(name, Object.keys(FLAG)));
    }
    flags |= FLAG[name as keyof typeof FLAG];
  }
  return flags;
}

/** Gives each partition without an offset the first one that is free and aligned after the one before it. */
function place(drafts: Draft[], options: PartitionCsvOptions, problems: Problem[]): PartitionTable {
  const tableEnd = (options.tableOffset ?? TABLE_OFFSET) + SECTOR_SIZE;
  let end = tableEnd;
  const table = drafts.map(({ line, untilAddress, ...draft }) => {
    const partition = draft as Partition;
    if (isPrimary(partition)) return partition;
    const alignment = draft.type === TYPE.app ? APP_ALIGNMENT : SECTOR_SIZE;
    const report = (message: string) =>
      problems.push({ file: options.file ?? "partition table", line, column: 1, path: draft.name, message });
    if (draft.offset === undefined) partition.offset = Math.ceil(end / alignment) * alignment;
    else if (draft.offset < end) {
      const before =
        end === tableEnd
          ? `the partition table ends at ${hex(end)}`
          : `the one before it ends at ${hex(end)}`;
      report(`the partition begins at ${hex(draft.offset)}, but ${before}`);
    }
    if (untilAddress) {
      partition.size -= partition.offset;
      if (partition.size <= 0) report("the partition would end before it begins");
    }
    end = partition.offset + partition.size;
    return partition;
  });
  if (problems.length > 0) throw new ProblemsError(tidyProblems(problems));
  return table;
}

/** The table as gen_esp32part.py prints it. */
export function partitionTableToCsv(table: PartitionTable): string {
  const rows = table.map((partition) => {
    const { name, type, subtype, offset, size, flags } = partition;
    const names = Object.entries(FLAG).filter(([, bit]) => flags & bit);
    const columns = [
      name,
      typeName(type) ?? type,
      subtypeName(type, subtype) ?? subtype,
      hex(offset),
      withUnit(size),
      names.map(([flag]) => flag).join(":"),
    ];
    return columns.join(",");
  });
  return `${["# ESP-IDF Partition Table", "# Name, Type, SubType, Offset, Size, Flags", ...rows].join("\n")}\n`;
}

function withUnit(size: number): string {
  if (size % 0x100000 === 0) return `${size / 0x100000}M`;
  return size % 0x400 === 0 ? `${size / 0x400}K` : hex(size);
}
