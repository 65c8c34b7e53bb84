// Fetches files of PyPI by the hashes in toolchain/python/, without installing anything. Uses the network; touches the
// folder it is given and a temporary one.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanEnvironment, findPython, makeVenv, PYPI_HINT, pipOf, pythonMissing } from "./python.ts";
import { runCommand } from "./run-command.ts";
import { toolchainFile } from "./toolchain-file.ts";

export interface DownloadOptions {
  signal?: AbortSignal | undefined;
  note?: (text: string) => void;
}

/**
 * The source archive of one package.
 *
 * @param requirements name of a file of toolchain/python
 * @param packageName the package in it
 * @returns the archive's path
 */
export async function downloadSource(
  requirements: string,
  packageName: string,
  folder: string,
  options: DownloadOptions = {},
): Promise<string> {
  const file = toolchainFile("python", `${requirements}.txt`);
  // "--no-binary" for all would hold for what the package asks for to describe itself, too
  await download(["--no-binary", packageName, "--requirement", file], folder, options);
  const [archive] = await readdir(folder);
  return join(folder, archive!);
}

/**
 * The wheels of all packages of a file of toolchain/python, for any machine and any Python: only packages that have
 * such a wheel can be had.
 */
export async function downloadWheels(
  requirements: string,
  folder: string,
  options: DownloadOptions = {},
): Promise<void> {
  const text = await readFile(toolchainFile("python", `${requirements}.txt`), "utf8");
  const scratch = await mkdtemp(join(tmpdir(), "edgeflock-wheels-"));
  try {
    // whoever installs them may have an older Python than this machine
    const file = join(scratch, "requirements.txt");
    await writeFile(file, text.replaceAll(/ ; python_full_version < '[0-9.]+'/g, ""));
    const any = ["--only-binary", ":all:", "--platform", "any", "--python-version", "3.10"];
    await download([...any, "--requirement", file], folder, options);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function download(words: string[], folder: string, { signal, note }: DownloadOptions): Promise<void> {
  const python = await findPython();
  if (!python) throw pythonMissing("pip");
  const scratch = await mkdtemp(join(tmpdir(), "edgeflock-pip-"));
  try {
    await makeVenv(python.command, join(scratch, "venv"), signal);
    const pip = await pipOf(python.command, scratch, signal);
    const args = ["download", "--require-hashes", "--no-deps", "--no-input", "--disable-pip-version-check"];
    await runCommand([...pip, ...args, "--dest", folder, ...words], {
      env: cleanEnvironment(),
      ...(note && { onLine: note }),
      signal,
      hint: PYPI_HINT,
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
