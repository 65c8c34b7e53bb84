// Finds a C++ compiler for this machine: one on PATH that works, else PyPI's ziglang. Starts processes; remembers in the
// cache which compilers work.
import { createHash } from "node:crypto";
import { access, mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheFolder } from "./cache-folder.ts";
import { findOnPath } from "./path-lookup.ts";
import { type PythonOptions, pythonEnvironment } from "./python.ts";
import { tryCommand } from "./run-command.ts";

export interface CxxCompiler {
  /** The compiler as the first words of a command line. */
  command: string[];
  /** Name, version and target: what a build's content hash takes for the compiler. */
  identity: string;
  /** Variables that it needs beside those of a small allow-list; often none. */
  environment: Record<string, string>;
}

/** What a compiler must understand before it is chosen: some come without the standard library's headers. */
const PROBE =
  '#include <cstdint>\n#include <string>\nint main() { return std::string("").size() ? 1 : 0; }\n';

let found: Promise<CxxCompiler> | undefined;

/**
 * The compiler named by `CXX`, else c++, g++ or clang++ of PATH, else `python -m ziglang c++` (installed into the
 * cache where it is missing). Looked for once a process.
 */
export function findCxx(options: PythonOptions = {}): Promise<CxxCompiler> {
  found ??= search(options).catch((error: unknown) => {
    found = undefined;
    throw error;
  });
  return found;
}

/** The compiler that is there without installing anything. */
export async function cxxOnPath(): Promise<CxxCompiler | undefined> {
  const candidates: string[][] = [];
  const chosen = process.env.CXX?.trim();
  if (chosen) candidates.push(chosen.split(/\s+/));
  for (const name of ["c++", "g++", "clang++"]) {
    for (const file of await findOnPath(name)) candidates.push([file]);
  }
  for (const command of candidates) {
    const identity = await identityOf(command);
    if (await isKnownToWork(command, identity)) return { command, identity, environment: {} };
  }
  return undefined;
}

async function search(options: PythonOptions): Promise<CxxCompiler> {
  const onPath = await cxxOnPath();
  if (onPath) return onPath;
  const { python, version } = await pythonEnvironment("ziglang", options);
  const cache = join(cacheFolder(), "zig");
  return {
    command: [python, "-m", "ziglang", "c++"],
    identity: `zig ${version} ${process.platform} ${process.arch}`,
    environment: { ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache },
  };
}

/** Asked of each compiler once: every preview wants to know, and the answer takes it a quarter of a second. */
async function isKnownToWork(command: string[], identity: string): Promise<boolean> {
  const file = await stat(command[0] ?? "").catch(() => undefined);
  if (!file?.isFile()) return works(command);
  const asked = JSON.stringify([command, identity, file.size, file.mtimeMs, PROBE]);
  const mark = join(cacheFolder(), "cxx", createHash("sha256").update(asked).digest("hex"));
  const known = await access(mark).then(
    () => true,
    () => false,
  );
  if (known) return true;
  if (!(await works(command))) return false;
  // a cache that cannot be written to costs time only
  await mkdir(dirname(mark), { recursive: true, mode: 0o700 })
    .then(() => writeFile(mark, ""))
    .catch(() => {});
  return true;
}

async function works(command: string[]): Promise<boolean> {
  const { execa } = await import("execa");
  const [file, ...args] = command;
  if (!file) return false;
  const result = await execa(file, [...args, "-x", "c++", "-std=c++17", "-fsyntax-only", "-"], {
    input: PROBE,
    reject: false,
    timeout: 30_000,
  });
  return !result.failed;
}

async function identityOf(command: string[]): Promise<string> {
  const version = await tryCommand([...command, "--version"], { timeout: 20_000 });
  const target = await tryCommand([...command, "-dumpmachine"], { timeout: 20_000 });
  return `${version.stdout.split(/\r?\n/)[0] ?? ""} ${target.stdout.trim()}`.trim();
}
