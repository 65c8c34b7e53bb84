// Mbed TLS for firmware that runs on this host: its sources from PyPI, compiled once into the cache.
// Uses the network, starts the compiler, touches the cache folder and a temporary one.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import * as tar from "tar";
import { cacheEntry, contentKey } from "./cache-entry.ts";
import type { Progress } from "./progress.ts";
import { quiet } from "./progress.ts";
import { type DownloadOptions, downloadSource } from "./python-downloads.ts";
import { runCommand } from "./run-command.ts";
import { toolchainFile } from "./toolchain-file.ts";
import { MBEDTLS } from "./versions.ts";

export interface MbedtlsOptions {
  /** The C++ compiler as the first words of a command line; it compiles C too. */
  compiler: string[];
  /** What the compiler is, for the cache. */
  identity: string;
  /** Path of the header that says which parts are compiled (`MBEDTLS_CONFIG_FILE`). */
  config: string;
  progress?: Progress;
  signal?: AbortSignal;
}

export interface Mbedtls {
  version: string;
  /** What carries the sources: a package URL and its SHA-256 in hexadecimal digits. */
  origin: { purl: string; sha256: string };
  /** Folder of its headers and of the configuration, `mbedtls_config.h`. */
  include: string;
  /** What code that includes its headers is compiled with. */
  flags: string[];
  /** Object files of all of it; a linker that drops unused sections keeps what is needed. */
  objects: string[];
}

/**
 * A folder with the sources (`sources/`) and, where somebody prepared that, with what was compiled of them, as in a cache
 * folder (`mbedtls/`): in the image of the builder "native" there is no network.
 */
const PREPARED = "EDGEFLOCK_MBEDTLS";

/** A package that carries the sources whole, with what upstream generates at a release. */
const PACKAGE = "pynng";

/** No paths and no times in the objects. */
const COMPILE = ["-x", "c", "-std=c99", "-O2", "-ffunction-sections", "-fdata-sections", "-I", "include"];
const MBEDTLS_CONFIG = '-DMBEDTLS_CONFIG_FILE="mbedtls_config.h"';

/** @throws VisibleError where PyPI cannot be reached, or the compiler refuses */
export async function mbedtls(options: MbedtlsOptions): Promise<Mbedtls> {
  const config = await readFile(options.config);
  const digest = createHash("sha256").update(config).digest("hex");
  const entry = join(
    "mbedtls",
    `${MBEDTLS}-${contentKey(MBEDTLS, digest, options.identity, COMPILE.join(" "))}`,
  );
  const prepared = process.env[PREPARED];
  const compiled = prepared ? join(prepared, entry) : "";
  const folder = existsSync(compiled)
    ? compiled
    : await cacheEntry(entry, (into) => make(into, options), {
        what: `Mbed TLS ${MBEDTLS}`,
        ...(options.progress && { progress: options.progress }),
        signal: options.signal,
      });
  const objects = (await readdir(folder)).filter((name) => name.endsWith(".o")).sort();
  return {
    version: MBEDTLS,
    origin: await origin(),
    include: join(folder, "include"),
    flags: ["-isystem", join(folder, "include"), MBEDTLS_CONFIG],
    objects: objects.map((name) => join(folder, name)),
  };
}

/** As the requirements pin it. */
async function origin(): Promise<Mbedtls["origin"]> {
  const text = await readFile(toolchainFile("python", "mbedtls.txt"), "utf8");
  const [, version, sha256] = new RegExp(
    `^${PACKAGE}==(\\S+)[\\s\\\\]+--hash=sha256:([0-9a-f]{64})$`,
    "m",
  ).exec(text)!;
  return { purl: `pkg:pypi/${PACKAGE}@${version}`, sha256: sha256! };
}

async function make(into: string, options: MbedtlsOptions): Promise<void> {
  const progress = options.progress ?? quiet;
  const prepared = process.env[PREPARED];
  const scratch = await mkdtemp(join(tmpdir(), "edgeflock-mbedtls-"));
  try {
    if (prepared) await cp(join(prepared, "sources"), scratch, { recursive: true });
    else
      await progress.step(`Downloading Mbed TLS ${MBEDTLS} (once)`, ({ note }) =>
        mbedtlsSources(scratch, { signal: options.signal, note }),
      );
    await cp(join(scratch, "include"), join(into, "include"), { recursive: true });
    await cp(options.config, join(into, "include", "mbedtls_config.h"));
    await cp(options.config, join(scratch, "include", "mbedtls_config.h"));
    await progress.step(`Compiling Mbed TLS ${MBEDTLS} (once)`, ({ note }) =>
      compile(scratch, into, options, note),
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Its folders `include` and `library`, in a folder that is not there yet. */
export async function mbedtlsSources(folder: string, options: DownloadOptions): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "edgeflock-mbedtls-"));
  try {
    const file = await downloadSource("mbedtls", PACKAGE, scratch, options);
    const wanted = new RegExp(`^${PACKAGE}-[^/]+/mbedtls/(include|library)/`);
    await mkdir(folder, { recursive: true });
    await tar.x({ file, cwd: folder, strip: 2, filter: (path) => wanted.test(path) });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function compile(
  sources: string,
  into: string,
  { compiler, signal }: MbedtlsOptions,
  note: (text: string) => void,
): Promise<void> {
  const names = (await readdir(join(sources, "library"))).filter((name) => name.endsWith(".c")).sort();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let name = names[next++]; name; name = names[next++]) {
      note(`${next} of ${names.length} files`);
      const object = join(into, name.replace(/\.c$/, ".o"));
      await runCommand([...compiler, ...COMPILE, MBEDTLS_CONFIG, "-c", join("library", name), "-o", object], {
        cwd: sources,
        ...(signal && { signal }),
      });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}
