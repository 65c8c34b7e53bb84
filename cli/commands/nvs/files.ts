// Reading and writing for the nvs commands: "-" is standard input or output, errors are sentences.
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, extname, isAbsolute, join, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { writePrivateFile } from "../../../builders/nvs/private-file.ts";
import { VisibleError } from "../../../model/visible-error.ts";

export const STANDARD = "-";

/** The bytes of a file or of standard input. @throws VisibleError */
export async function readInput(path: string): Promise<Buffer> {
  if (path === STANDARD) return buffer(process.stdin);
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new VisibleError(`cannot read ${path}: ${reason(cause)}`, { cause });
  }
}

/** Writes a whole file with mode 0600, or to standard output. @throws VisibleError */
export async function writeOutput(path: string, bytes: Uint8Array): Promise<void> {
  if (path === STANDARD) {
    await new Promise<void>((done, failed) => {
      process.stdout.write(bytes, (error) => (error ? failed(error) : done()));
    });
    return;
  }
  try {
    mkdirSync(dirname(path), { recursive: true });
    writePrivateFile(path, bytes);
  } catch (cause) {
    throw new VisibleError(`cannot write ${path}: ${reason(cause)}`, { cause });
  }
}

/**
 * Where an output goes, by the rules of Espressif's tool: relative to `outdir` unless absolute, with .bin added if
 * it has no ending.
 */
export function outputPath(file: string, outdir: string | undefined): string {
  if (file === STANDARD || isDevice(file)) return file;
  const named = extname(file) === "" ? `${file}.bin` : file;
  return isAbsolute(named) || outdir === undefined ? named : join(outdir, named);
}

function isDevice(path: string): boolean {
  return existsSync(path) && !statSync(path).isFile();
}

/** Reads a file that a CSV row names, relative to the current folder as Espressif's tool does. */
export function readNamedFile(path: string): Uint8Array {
  return readFileSync(resolve(path));
}

function reason(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  switch (code) {
    case "ENOENT":
      return "there is no such file or folder";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EISDIR":
      return "it is a folder";
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

/** Tells a person what was done; standard output is for data. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
