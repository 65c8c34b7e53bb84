// The station's result log: JSON Lines, only ever added to, each line on the disk before the station goes on.
// Touches that one file.
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";

export interface ResultEntry {
  /** RFC 3339. */
  time: string;
  /** "claimed": a device was given to a board, before anything was written. */
  outcome: "claimed" | "flashed" | "unchanged" | "failed";
  who: string;
  port: string;
  mac?: string;
  device?: string;
  class: string;
  cluster: string;
  namespace: string;
  artifactDigest?: string;
  configDigest?: string;
  /** Of the MQTT credential that the board got. */
  generation?: number;
  firmwareVersion?: string;
  /** Since the board was found. */
  milliseconds?: number;
  error?: string;
  /** The exported bundle that it was flashed from. */
  bundle?: string;
}

export class ResultLog {
  readonly path: string;
  readonly #file: number;

  /** @throws VisibleError when the file cannot be opened */
  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(dirname(path), { recursive: true });
      this.#file = openSync(path, "a+", 0o600);
    } catch (error) {
      throw new VisibleError(`The result log ${path} cannot be opened: ${(error as Error).message}`, {
        hint: "Name another file with --log.",
      });
    }
    // a power cut may have left half a line; the next one begins on its own
    const { size } = fstatSync(this.#file);
    const last = Buffer.alloc(1);
    if (size > 0 && readSync(this.#file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a)
      writeSync(this.#file, "\n");
  }

  /** One write of one line; it is on the disk when this returns. */
  add(entry: ResultEntry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
    fdatasyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** All whole lines of a log; one that a power cut left half-written is passed over. */
export function readResults(path: string): ResultEntry[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new VisibleError(`The result log ${path} cannot be read: ${(error as Error).message}`);
  }
  return text.split("\n").flatMap((line) => {
    try {
      const entry: unknown = JSON.parse(line);
      return typeof entry === "object" && entry !== null && "outcome" in entry ? [entry as ResultEntry] : [];
    } catch {
      return [];
    }
  });
}
