// Reads the manifests of a stack from its folder. The one module of model/ that touches files; it only reads.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Problem, ProblemsError } from "./problem.ts";
import { VisibleError } from "./visible-error.ts";

/**
 * The text of `*.yaml` and `*.yml` in a folder (not below it), sorted by name.
 * @throws VisibleError where the folder or manifests are missing, ProblemsError where a file is not UTF-8
 */
export function readManifestFiles(folder: string): { path: string; text: string }[] {
  const names = listFolder(folder);
  if (names.length === 0) {
    throw new VisibleError(`There are no manifests in ${folder}`, {
      hint: "Manifests are *.yaml files there; without any, an update would remove the whole fleet.",
    });
  }
  const problems: Problem[] = [];
  const files = names.map((name) => readText(join(folder, name), problems));
  if (problems.length > 0) throw new ProblemsError(problems);
  return files;
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && /^[^.].*\.ya?ml$/.test(entry.name))
      .map((entry) => entry.name)
      .sort();
  } catch (cause) {
    throw new VisibleError(`Cannot read the folder ${folder}: ${reason(cause)}`, {
      hint: "Manifests of a stack stand in stacks/<stack>/.",
      cause,
    });
  }
}

function readText(path: string, problems: Problem[]): { path: string; text: string } {
  const bytes = readBytes(path);
  try {
    return { path, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    problems.push({
      file: path,
      ...firstBadByte(bytes),
      path: "",
      message: "is not UTF-8 text; save it as UTF-8",
    });
    return { path, text: "" };
  }
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new VisibleError(`Cannot read ${path}: ${reason(cause)}`, { cause });
  }
}

/** Position of the first line that does not decode. */
function firstBadByte(bytes: Uint8Array): { line: number; column: number } {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(0x0a, start);
    const text = bytes.subarray(start, end < 0 ? bytes.length : end);
    try {
      decoder.decode(text);
    } catch {
      return { line, column: new TextDecoder().decode(text).indexOf("\ufffd") + 1 };
    }
    if (end < 0) return { line, column: 1 };
    start = end + 1;
    line++;
  }
}

function reason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "it does not exist";
  if (code === "EACCES") return "permission denied";
  return error instanceof Error ? error.message : String(error);
}
