// One line of the values file to the rows of that device's image. Touches nothing but files that rows name,
// through the function the caller passes.

import { type ReadFile, readTypedValue } from "../csv.ts";
import type { CsvRow } from "../csv-reader.ts";
import { lengthProblem } from "../csv-records.ts";
import { CsvValueError } from "../csv-values.ts";
import { type NvsRow, printable } from "../entry.ts";
import type { BoundLayout, LayoutKey } from "./layout.ts";

export interface DeviceProblem {
  /** The key it is about, or nothing. */
  path: string;
  message: string;
}

/** Turns lines into rows; remembers what the first line gave for REPEAT keys. */
export class DeviceRows {
  readonly #layout: BoundLayout;
  readonly #readFile: ReadFile;
  readonly #repeated = new Map<number, string>();
  #lines = 0;

  constructor(layout: BoundLayout, readFile: ReadFile) {
    this.#layout = layout;
    this.#readFile = readFile;
  }

  /** Rows in the order of the layout, or what is wrong with the line. */
  read(line: CsvRow): { rows: NvsRow[]; problems: DeviceProblem[] } {
    const wrong = lengthProblem(line, this.#layout.width);
    if (wrong) return { rows: [], problems: [{ path: "", message: wrong }] };
    const rows: NvsRow[] = [];
    const problems: DeviceProblem[] = [];
    const first = this.#lines++ === 0;
    for (const [at, item] of this.#layout.items.entries()) {
      if (item.key === undefined) {
        rows.push({ namespace: item.namespace });
        continue;
      }
      try {
        const text = this.#valueOf(item, line.fields[this.#layout.columns[at]!] ?? "", at, first);
        const typed = readTypedValue(item.type, item.encoding, text, this.#readFile);
        rows.push({ namespace: item.namespace, key: item.key, ...typed });
      } catch (error) {
        if (!(error instanceof CsvValueError)) throw error;
        problems.push({ path: printable(`${item.namespace}/${item.key}`), message: error.message });
      }
    }
    return { rows, problems };
  }

  #valueOf(item: LayoutKey, own: string, at: number, first: boolean): string {
    if (!item.repeat) return own;
    if (first) this.#repeated.set(at, own);
    const value = this.#repeated.get(at) ?? "";
    if (own !== "" && own !== value) {
      throw new CsvValueError("the key is marked REPEAT, but this line has a value of its own");
    }
    return value;
  }
}

/** A name for a device's files from its id. Ids come from a file, so nothing that means something in a path. */
export function fileIdProblem(id: string): string | undefined {
  if (/^[A-Za-z0-9][A-Za-z0-9._:+@-]{0,99}$/.test(id)) return undefined;
  return `${JSON.stringify(id)} cannot name a file; letters, digits and . _ - : + @ can, up to 100`;
}
