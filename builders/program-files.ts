// Which modules make a builder's results: those of its folder, and what its program, build.ts, calls of builders/. Follows
// the imports, so that none is forgotten when something moves into a file of its own. Reads sources.
import { readdir, readFile } from "node:fs/promises";
import { dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const BUILDERS = dirname(fileURLToPath(import.meta.url));
const PROGRAM = "build";

/** `import … from "./x.ts"`, `export … from`, `import "./x.ts"`; but not types, which do nothing. */
const IMPORT = /^(?:import|export)\b(?!\s+type\b)(?:[^"';]*?\bfrom)?\s*["'](\.[^"']+)["']/gm;

/**
 * @param module `import.meta.url` of the builder
 * @param others relative to it: files, or modules outside of builders/, that decide over the result too
 * @returns absolute paths, sorted as they are below the folder of `module`
 */
export async function programFiles(module: string, others: readonly string[] = []): Promise<string[]> {
  const file = fileURLToPath(module);
  const folder = dirname(file);
  // a package holds the modules compiled
  const extension = extname(file);
  const own = (await readdir(folder)).filter(
    (name) => name.endsWith(extension) && !name.endsWith(`.d${extension}`),
  );
  const found = new Set<string>();
  if (own.includes(`${PROGRAM}${extension}`)) await follow(join(folder, `${PROGRAM}${extension}`), found);
  for (const name of [...own, ...others.map((path) => path.replace(/\.ts$/, extension))]) {
    found.add(join(folder, name));
  }
  return [...found].sort((a, b) => (relative(folder, a) < relative(folder, b) ? -1 : 1));
}

/** Errors, progress and the search for tools, which lie outside of builders/, do not decide over the bytes. */
async function follow(path: string, found: Set<string>): Promise<void> {
  if (found.has(path) || relative(BUILDERS, path).startsWith("..")) return;
  found.add(path);
  const text = await readFile(path, "utf8");
  for (const [, specifier] of text.matchAll(IMPORT)) await follow(join(dirname(path), specifier!), found);
}
