// Reading a partition table from a file, whichever form it has, and the options that say how. Touches files.
import { Option } from "commander";
import type { PartitionCsvOptions, PartitionTable } from "../../../builders/partitions/index.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { parseSize } from "../nvs/arguments.ts";
import { readInput } from "../nvs/files.ts";

export interface TableOptions {
  flashSize?: string;
  offset: string;
  primaryBootloaderOffset?: string;
  recoveryBootloaderOffset?: string;
}

export function tableOptions(): Option[] {
  return [
    new Option("--flash-size <size>", "size of the flash, such as 4MB; everything has to lie within it"),
    new Option("-o, --offset <address>", "where the table lies in flash").default("0x8000"),
    new Option("--primary-bootloader-offset <address>", "where the bootloader lies, for tables that list it"),
    new Option("--recovery-bootloader-offset <address>", "where a recovery bootloader lies"),
  ];
}

export interface TableInput {
  table: PartitionTable;
  /** Whether the file was a CSV. */
  csv: boolean;
}

/** Reads a CSV, a binary table, or a dump of a flash from its start. @throws VisibleError, ProblemsError */
export async function readTable(path: string, options: TableOptions): Promise<TableInput> {
  const { parsePartitionCsv, readPartitionTable } = await import("../../../builders/partitions/index.ts");
  const bytes = await readInput(path);
  const offset = parseSize(options.offset);
  if (isTable(bytes, 0)) return { table: readPartitionTable(bytes), csv: false };
  if (isTable(bytes, offset)) return { table: readPartitionTable(bytes.subarray(offset)), csv: false };
  const text = asText(bytes);
  if (text === undefined) {
    throw new VisibleError(
      `${path} is neither a partition table nor its CSV, and has none at ${options.offset}`,
    );
  }
  return { table: parsePartitionCsv(text, { file: path, ...csvOptions(options) }), csv: true };
}

function isTable(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0xaa && bytes[at + 1] === 0x50;
}

function asText(bytes: Buffer): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

function csvOptions(options: TableOptions): PartitionCsvOptions {
  const { primaryBootloaderOffset: primary, recoveryBootloaderOffset: recovery } = options;
  return {
    tableOffset: parseSize(options.offset),
    ...(primary !== undefined && { primaryBootloaderOffset: parseSize(primary) }),
    ...(recovery !== undefined && { recoveryBootloaderOffset: parseSize(recovery) }),
  };
}

/** Bytes of a flash from 4MB, 4M or a number. */
export function parseFlashSize(text: string): number {
  return parseSize(text.replace(/b$/i, ""));
}

/** What checkPartitionTable needs of the options. */
export function checkOptions(options: TableOptions): { tableOffset: number; flashSize?: number } {
  return {
    tableOffset: parseSize(options.offset),
    ...(options.flashSize !== undefined && { flashSize: parseFlashSize(options.flashSize) }),
  };
}

/** @throws VisibleError with every problem on a line of its own */
export function refuse(path: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new VisibleError(problems.map((problem) => `${path}: ${problem}`).join("\n"));
}
