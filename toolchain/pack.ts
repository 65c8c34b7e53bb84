// Before and after `npm pack`: compiles to dist/, since Node refuses to strip types under node_modules, and lets
// package.json point there while the tarball is made. Writes dist/ and package.json; `after` puts that back.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = join(project, "package.json");
const original = join(project, ".edgeflock", "package.json.original");
const dist = join(project, "dist");

/** Folders with files beside the TypeScript that the code reads at run time: shell, C++, go.mod, requirements, YAML. */
const WITH_ASSETS = ["builders", "cli", "flash", "policy-pack", "toolchain"];

function before(): void {
  after();
  rmSync(dist, { recursive: true, force: true });
  execFileSync("tsc", ["-p", "tsconfig.pack.json"], { cwd: project, stdio: "inherit" });
  for (const folder of WITH_ASSETS) {
    cpSync(join(project, folder), join(dist, folder), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || extname(path) !== ".ts",
    });
  }
  const text = readFileSync(manifest, "utf8");
  cpSync(manifest, original);
  chmodSync(original, 0o600);
  writeFileSync(manifest, `${JSON.stringify(published(JSON.parse(text)), null, 2)}\n`);
}

/** Also mends what an interrupted `npm pack` left. */
function after(): void {
  if (existsSync(original)) renameSync(original, manifest);
}

interface Manifest {
  exports: Record<string, string>;
  scripts?: unknown;
  devDependencies?: unknown;
  allowScripts?: unknown;
}

function published({ scripts: _s, devDependencies: _d, allowScripts: _a, ...rest }: Manifest): object {
  const exports = Object.entries(rest.exports).map(([name, path]) => [name, compiled(path)]);
  return { ...rest, exports: Object.fromEntries(exports) };
}

function compiled(path: string): string | { types: string; default: string } {
  if (!path.endsWith(".ts")) return path;
  const stem = `./dist/${path.slice(2, -3)}`;
  return { types: `${stem}.d.ts`, default: `${stem}.js` };
}

if (process.argv[2] === "before") before();
else after();
