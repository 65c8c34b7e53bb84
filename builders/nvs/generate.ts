// Entries to an NVS image: checks all of them, then lays them out. Touches nothing.
import { VisibleError } from "../../model/visible-error.ts";
import { type NvsEntry, type NvsRow, nameProblem, printable, valueProblem } from "./entry.ts";
import { LARGEST_SIZE, MOST_NAMESPACES, type NvsVersion, PAGE_SIZE, WRITABLE_SIZE } from "./format.ts";
import { NvsFullError, NvsImageWriter, TooManyChunksError } from "./image-writer.ts";
import { NvsInputError, type NvsRowProblem } from "./nvs-input-error.ts";

export type { NvsEntry, NvsNamespace, NvsRow } from "./entry.ts";
export { NvsInputError } from "./nvs-input-error.ts";

export interface GenerateOptions {
  /** Bytes of the partition: a multiple of 4096. Below 0x3000 the device can only read it. */
  size: number;
  /** Format version: 2 (default) splits blobs over pages, 1 is what ESP-IDF before 3.3 reads. */
  version?: NvsVersion;
}

/**
 * Makes the image of a partition that holds `rows`, in their order. A namespace is written where it first occurs.
 *
 * @returns `options.size` bytes, what is unused FF
 * @throws NvsInputError with everything that is wrong with the rows
 * @throws VisibleError for a size or version that cannot be, or that is too small for the rows
 */
export function generateNvs(rows: readonly NvsRow[], options: GenerateOptions): Uint8Array {
  const { size, version = 2 } = options;
  checkSize(size);
  checkVersion(version);
  const problems = findRowProblems(rows, version);
  if (problems.length > 0) throw new NvsInputError(problems);
  const writer = new NvsImageWriter(size, version);
  try {
    writeRows(writer, rows);
  } catch (error) {
    if (error instanceof NvsFullError) throw tooSmall(rows, size, version);
    throw error;
  }
  return writer.image;
}

/** @throws VisibleError if no NVS partition can have this size. */
export function checkSize(size: number): void {
  const hint = "give a multiple of 4096 (0x1000), at least 0x3000 if the device is to write to it";
  if (!Number.isSafeInteger(size) || size <= 0)
    throw new VisibleError(`the size ${String(size)} is not a size`, { hint });
  if (size % PAGE_SIZE !== 0)
    throw new VisibleError(`the size 0x${size.toString(16)} is not a multiple of 4096`, { hint });
  if (size > LARGEST_SIZE)
    throw new VisibleError(`the size 0x${size.toString(16)} is beyond the 16 MiB an ESP32 can map`);
}

function checkVersion(version: unknown): asserts version is NvsVersion {
  if (version !== 1 && version !== 2) {
    throw new VisibleError(`there is no NVS format version ${String(version)}`, {
      hint: "versions are 1 and 2",
    });
  }
}

/** Everything that is wrong with the rows, each with its row. */
export function findRowProblems(rows: readonly NvsRow[], version: NvsVersion): NvsRowProblem[] {
  const problems: NvsRowProblem[] = [];
  const seen = new Map<string, Map<string, number>>();
  let namespace: string | undefined;
  let keys: Map<string, number> | undefined;
  for (let row = 0; row < rows.length; row++) {
    const entry = rows[row]!;
    if (entry.namespace !== namespace || keys === undefined) {
      namespace = entry.namespace;
      keys = seen.get(namespace);
      if (keys === undefined) {
        const wrong = nameProblem("namespace", namespace);
        if (wrong) problems.push({ row, message: wrong });
        keys = new Map();
        seen.set(namespace, keys);
        if (seen.size === MOST_NAMESPACES + 1) {
          problems.push({
            row,
            message: `"${printable(namespace)}" is namespace 255; NVS has room for ${MOST_NAMESPACES}`,
          });
        }
      }
    }
    if (entry.key !== undefined) checkEntry(entry, row, keys, version, problems);
  }
  return problems;
}

function checkEntry(
  entry: NvsEntry,
  row: number,
  keys: Map<string, number>,
  version: NvsVersion,
  problems: NvsRowProblem[],
): void {
  const wrongKey = nameProblem("key", entry.key);
  if (wrongKey) problems.push({ row, message: wrongKey });
  else if (keys.has(entry.key)) {
    const message = `${label(entry)} is there twice; the library would find only one`;
    problems.push({ row, message });
  }
  keys.set(entry.key, row);
  const wrongValue = valueProblem(entry, version);
  if (wrongValue) problems.push({ row, message: `${label(entry)}: ${wrongValue}` });
}

function writeRows(writer: NvsImageWriter, rows: readonly NvsRow[]): void {
  const indices = new Map<string, number>();
  let name: string | undefined;
  let index = 0;
  for (let row = 0; row < rows.length; row++) {
    const entry = rows[row]!;
    if (entry.namespace !== name) {
      name = entry.namespace;
      index = indices.get(name) ?? 0;
      if (index === 0) {
        index = indices.size + 1;
        indices.set(name, index);
        // a namespace is an entry of namespace 0 whose value is its index
        writer.writeInteger(0, name, "u8", index);
      }
    }
    if (entry.key !== undefined) writeEntry(writer, index, entry, row);
  }
}

function writeEntry(writer: NvsImageWriter, index: number, entry: NvsEntry, row: number): void {
  const { key, type, value } = entry;
  if (type === "string") writer.writeString(index, key, value as string);
  else if (type === "blob") writeBlob(writer, index, entry, row);
  else writer.writeInteger(index, key, type, value as number | bigint);
}

function writeBlob(writer: NvsImageWriter, index: number, entry: NvsEntry, row: number): void {
  try {
    writer.writeBlob(index, entry.key, entry.value as Uint8Array);
  } catch (error) {
    if (!(error instanceof TooManyChunksError)) throw error;
    const message = `${label(entry)}: the blob would take more than 127 chunks; put it first in its page`;
    throw new NvsInputError([{ row, message }]);
  }
}

function label({ namespace, key }: NvsEntry): string {
  return printable(`${namespace}/${key}`);
}

/** Says how large the partition would have to be. */
function tooSmall(rows: readonly NvsRow[], size: number, version: NvsVersion): VisibleError {
  const needed = neededSize(rows, size, version);
  const what = `the ${rows.length} entries do not fit a partition of 0x${size.toString(16)} bytes`;
  const spare = size >= WRITABLE_SIZE ? " (of which one page of 0x1000 stays free for the library)" : "";
  const hint = needed
    ? `make the partition 0x${needed.toString(16)} bytes, in the partition table too`
    : "no partition of 16 MiB would hold them";
  return new VisibleError(what + spare, { hint });
}

function neededSize(rows: readonly NvsRow[], size: number, version: NvsVersion): number | undefined {
  for (let larger = Math.max(size * 2, WRITABLE_SIZE); larger < LARGEST_SIZE * 2; larger *= 2) {
    const writer = new NvsImageWriter(Math.min(larger, LARGEST_SIZE), version);
    try {
      writeRows(writer, rows);
      return Math.max((writer.pages + 1) * PAGE_SIZE, WRITABLE_SIZE);
    } catch (error) {
      if (!(error instanceof NvsFullError)) throw error;
    }
  }
  return undefined;
}
