// The archive of an artefact: a canonical tar, so that equal files give equal bytes and one digest. Pure.
// Canonical: files only, sorted by path, mode 0644, owner 0, time 0, no extended headers, uncompressed.
import { createHash } from "node:crypto";
import { Header, Parser, type ReadEntry } from "tar";
import { VisibleError } from "../model/visible-error.ts";

const BLOCK = 512;
/** A ustar header's field; longer names would need an extended header. */
const LONGEST_PATH = 100;

/** @throws VisibleError for a path that does not fit */
export function packArchive(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const path of [...files.keys()].sort()) {
    if (Buffer.byteLength(path) > LONGEST_PATH) {
      throw new VisibleError(`the path ${path} is longer than ${LONGEST_PATH} bytes`);
    }
    const bytes = files.get(path)!;
    const header = new Header({
      path,
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      mtime: new Date(0),
      type: "File",
    });
    const block = Buffer.alloc(BLOCK);
    header.encode(block, 0);
    parts.push(block, bytes, Buffer.alloc(padding(bytes.length)));
  }
  parts.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(parts);
}

/** `sha256:` and hexadecimal digits. */
export function digestOf(archive: Uint8Array): string {
  return `sha256:${createHash("sha256").update(archive).digest("hex")}`;
}

/**
 * The files of any tar, by path, in its order.
 * @throws VisibleError for a damaged one, and for everything but plain files and folders inside it
 */
export function unpackArchive(archive: Uint8Array, name: string = "the archive"): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const problems: string[] = [];
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry: ReadEntry) => {
      const path = entry.path.replace(/^(\.\/)+/, "").replace(/\/+$/, "");
      const problem = entryProblem(entry, path, files);
      if (problem) problems.push(problem);
      const chunks: Buffer[] = [];
      entry.on("data", (chunk: Buffer) => chunks.push(chunk));
      entry.on("end", () => {
        if (!problem && entry.type !== "Directory") files.set(path, Buffer.concat(chunks));
      });
    },
  });
  parser.on("error", (error: Error) => problems.push(error.message));
  parser.end(Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength));
  if (problems.length > 0) throw new VisibleError(`${name} cannot be used: ${problems.join("; ")}`);
  return files;
}

function entryProblem(
  entry: ReadEntry,
  path: string,
  files: ReadonlyMap<string, unknown>,
): string | undefined {
  const shown = JSON.stringify(entry.path);
  if (entry.path.startsWith("/") || path.split("/").includes("..")) return `${shown} leads out of it`;
  if (entry.type === "Directory") return undefined;
  if (!["File", "OldFile", "ContiguousFile"].includes(entry.type))
    return `${shown} is a ${entry.type}, not a file`;
  if (path === "" || /[\0\\]/.test(path)) return `${shown} is no name of a file`;
  return files.has(path) ? `${shown} is in it twice` : undefined;
}

function padding(length: number): number {
  return (BLOCK - (length % BLOCK)) % BLOCK;
}
