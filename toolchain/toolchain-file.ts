// Where the toolchain's own data files are: requirements, go.mod, stand-ins. Touches nothing.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A file or folder beside this module, as an absolute path: `npm pack` copies them to dist/toolchain/. */
export function toolchainFile(...parts: string[]): string {
  return join(dirname(fileURLToPath(import.meta.url)), ...parts);
}
