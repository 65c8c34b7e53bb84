// The packages that a program depends on, for `pulumi about`. Reads package.json and npm's lock file.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Dependency {
  name: string;
  version: string;
}

interface Manifest {
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** Direct dependencies, or all that npm installed; empty where the folder holds no package. */
export function programDependencies(folder: string, transitive: boolean): Dependency[] {
  if (transitive) {
    const lock = readJson<{ packages?: Record<string, Manifest> }>(
      join(folder, "node_modules", ".package-lock.json"),
    );
    return Object.entries(lock?.packages ?? {}).map(([path, { version }]) => ({
      name: path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
      version: version ?? "",
    }));
  }
  const manifest = readJson<Manifest>(join(folder, "package.json"));
  const wanted = { ...manifest?.devDependencies, ...manifest?.dependencies };
  return Object.entries(wanted).map(([name, range]) => ({
    name,
    version: readJson<Manifest>(join(folder, "node_modules", name, "package.json"))?.version ?? range,
  }));
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
