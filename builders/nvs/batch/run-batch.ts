// Makes the images of many devices from a values file, one after the other. Touches files: writes
// <outdir>/bin and <outdir>/keys, each file whole, mode 0600; never a CSV. What is there already and the same is
// left alone, so a run that was interrupted is simply run again.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Problem, ProblemsError, tidyProblems } from "../../../model/problem.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import type { ReadFile } from "../csv.ts";
import { type CsvMistake, CsvReader, type CsvRow } from "../csv-reader.ts";
import { headerProblem } from "../csv-records.ts";
import { encryptNvs } from "../encrypt.ts";
import { checkSize, generateNvs, NvsInputError } from "../generate.ts";
import { makePrivateFolder, sweepTemporaryFiles, writePrivateFile } from "../private-file.ts";
import { type KeyPolicy, keysOfDevice, writesKeys } from "./batch-keys.ts";
import { DeviceRows, fileIdProblem } from "./device-rows.ts";
import { type BoundLayout, bindLayout, type LayoutItem, layoutOfHeader } from "./layout.ts";

export interface BatchOptions {
  /** What the images hold; undefined: the names of the columns say it. */
  layout?: LayoutItem[];
  /** The values file, in pieces. */
  values: AsyncIterable<Uint8Array>;
  /** Its name, for messages. */
  valuesFile: string;
  outdir: string;
  prefix: string;
  /** A counter in the files' names: where it begins, and its least number of digits. */
  prefixNumber?: { start: number; digits: number };
  /** Column that names the files; without it they are numbered from 1. */
  fileId?: string;
  size: number;
  version: 1 | 2;
  keys: KeyPolicy;
  /** Replace images that are there and differ. */
  overwrite: boolean;
  /** Only look for mistakes; write nothing. */
  checkOnly: boolean;
  readFile: ReadFile;
  signal?: AbortSignal;
  note?: (text: string) => void;
}

export interface BatchResult {
  written: number;
  /** Images that were there already, the same to the last byte. */
  unchanged: number;
}

const MOST_PROBLEMS = 1000;

/**
 * Runs a batch. Good lines become images even if others have mistakes.
 *
 * @throws ProblemsError after the last line, with every mistake and its line (the first 1,000)
 * @throws VisibleError for options that cannot be, or when `signal` stopped it
 */
export async function runBatch(options: BatchOptions): Promise<BatchResult> {
  checkSize(options.size);
  const prefixProblem = fileIdProblem(options.prefix);
  if (prefixProblem) throw new VisibleError(`the prefix ${prefixProblem}`);
  const run = new BatchRun(options);
  try {
    await readValues(options, run);
  } catch (error) {
    // a source that the signal ends fails in its own way
    throw options.signal?.aborted ? stopped(run.result) : error;
  }
  return run.result;
}

async function readValues(options: BatchOptions, run: BatchRun): Promise<void> {
  const reader = new CsvReader();
  for await (const text of textOf(options.values, options.valuesFile)) {
    for (const row of reader.push(text)) {
      if (options.signal?.aborted) throw stopped(run.result);
      run.line(row);
    }
    options.note?.(run.summary());
  }
  for (const row of reader.end()) run.line(row);
  run.finish(reader.mistakes);
}

function stopped({ written, unchanged }: BatchResult): VisibleError {
  const hint = "run the same command again: it goes on where it stopped";
  return new VisibleError(`stopped after ${written + unchanged} images`, { hint, exitCode: 130 });
}

/** The text of a file as its pieces come. */
async function* textOf(pieces: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const decode = (piece?: Uint8Array) => {
    try {
      return piece ? decoder.decode(piece, { stream: true }) : decoder.decode();
    } catch {
      throw new VisibleError(`${file} is no UTF-8 text`);
    }
  };
  for await (const piece of pieces) yield decode(piece);
  yield decode();
}

class BatchRun {
  readonly result: BatchResult = { written: 0, unchanged: 0 };
  readonly #options: BatchOptions;
  readonly #problems: Problem[] = [];
  /** Names given in this run: about a hundred bytes a device is all that grows. */
  readonly #names = new Set<string>();
  #layout: BoundLayout | undefined;
  #devices: DeviceRows | undefined;
  #count = 0;

  constructor(options: BatchOptions) {
    this.#options = options;
  }

  line(row: CsvRow): void {
    if (!this.#layout || !this.#devices) this.#begin(row);
    else this.#device(row, this.#layout, this.#devices);
  }

  summary(): string {
    const { written, unchanged } = this.result;
    return `${written} written${unchanged > 0 ? `, ${unchanged} unchanged` : ""}`;
  }

  /** @throws ProblemsError for what was wrong with lines, and with the CSV itself */
  finish(mistakes: readonly CsvMistake[]): void {
    const file = this.#options.valuesFile;
    for (const mistake of mistakes) this.#problems.push({ file, column: 1, path: "", ...mistake });
    if (this.#problems.length > 0) throw new ProblemsError(tidyProblems(this.#problems));
    if (!this.#layout) throw new VisibleError(`${file} is empty; a first row with the keys is expected`);
  }

  /** The first row: the names of the columns. */
  #begin({ fields, line }: CsvRow): void {
    const { layout, fileId, valuesFile, keys, outdir, checkOnly } = this.#options;
    const problems: Problem[] = [];
    const items = layout ?? layoutOfHeader(fields);
    const report = (message: string, suggestion?: string) =>
      problems.push({
        file: valuesFile,
        line,
        column: 1,
        path: "",
        message,
        ...(suggestion !== undefined && { suggestion }),
      });
    if (items.length === 0)
      report(
        "no column is named NAMESPACE/KEY:ENCODING, as wifi/ssid:string is; or give mfg_gen's two files",
      );
    const twice = layout ? undefined : headerProblem(fields, fields);
    if (twice) report(twice);
    this.#layout = bindLayout(items, fields, { named: layout === undefined, fileId }, report);
    if (problems.length > 0) throw new ProblemsError(problems);
    this.#devices = new DeviceRows(this.#layout, this.#options.readFile);
    if (checkOnly) return;
    for (const folder of [join(outdir, "bin"), ...(writesKeys(keys) ? [join(outdir, "keys")] : [])]) {
      makePrivateFolder(folder);
      sweepTemporaryFiles(folder);
    }
  }

  #device(row: CsvRow, layout: BoundLayout, devices: DeviceRows): void {
    this.#count++;
    const report = (path: string, message: string) => {
      if (this.#problems.length < MOST_PROBLEMS) {
        this.#problems.push({ file: this.#options.valuesFile, line: row.line, column: 1, path, message });
      }
    };
    const { rows, problems } = devices.read(row);
    for (const { path, message } of problems) report(path, message);
    const name = this.#nameOf(row, layout, report);
    if (problems.length > 0 || name === undefined) return;
    try {
      this.#write(name, generateNvs(rows, this.#options));
    } catch (error) {
      if (error instanceof NvsInputError) for (const { message } of error.problems) report("", message);
      else if (error instanceof VisibleError) report("", error.message);
      else throw error;
    }
  }

  #nameOf(
    row: CsvRow,
    layout: BoundLayout,
    report: (path: string, message: string) => void,
  ): string | undefined {
    const { prefix, prefixNumber } = this.#options;
    const id = layout.idColumn === undefined ? String(this.#count) : (row.fields[layout.idColumn] ?? "");
    const wrong = fileIdProblem(id);
    if (wrong) {
      report("", wrong);
      return undefined;
    }
    const number =
      prefixNumber && String(prefixNumber.start + this.#count - 1).padStart(prefixNumber.digits, "0");
    const name = [prefix, ...(number === undefined ? [] : [number]), id].join("-");
    // without a difference in letter case only: some file systems know none
    const folded = name.toLowerCase();
    if (this.#names.has(folded)) {
      report("", `another line has the id ${JSON.stringify(id)} too`);
      return undefined;
    }
    this.#names.add(folded);
    return name;
  }

  #write(name: string, plain: Uint8Array): void {
    const { outdir, keys: policy, checkOnly, overwrite } = this.#options;
    const keys = keysOfDevice(policy, join(outdir, "keys"), name, !checkOnly);
    const image = keys ? encryptNvs(plain, keys) : plain;
    const path = join(outdir, "bin", `${name}.bin`);
    const same = existsSync(path) && readFileSync(path).equals(image);
    if (same) this.result.unchanged++;
    else if (existsSync(path) && !overwrite) {
      throw new VisibleError(`${path} is there already and differs; add --overwrite to replace such images`);
    } else {
      if (!checkOnly) writePrivateFile(path, image);
      this.result.written++;
    }
  }
}
