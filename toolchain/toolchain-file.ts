// Where the toolchain's own data files are: requirements, go.mod, stand-ins. Reads the file system.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this package, the same for its sources and for what is compiled to dist/. */
export function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("edgeflock's own package.json is missing");
    folder = parent;
  }
  return folder;
}

/** A file or folder under toolchain/, as an absolute path. */
export function toolchainFile(...parts: string[]): string {
  return join(packageFolder(), "toolchain", ...parts);
}
