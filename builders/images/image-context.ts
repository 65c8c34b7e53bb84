// What the Containerfile of a builder copies: the builder's program with the Node that runs it, and what it needs of
// package registries, fetched here by hash: inside of an image's build there may be neither network nor the certificates
// that this machine trusts. Uses the network; writes the folder it is given.
import { existsSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { mbedtlsSources } from "../../toolchain/mbedtls.ts";
import { downloadWheels } from "../../toolchain/python-downloads.ts";
import { toolchainFile } from "../../toolchain/toolchain-file.ts";

interface Image {
  /** Modules of the builder's folder by the programs that the Containerfile runs. */
  programs: Record<string, string>;
  /** npm packages that its program uses. */
  packages: readonly string[];
  /** Puts what the Containerfile copies besides into the context. */
  fetch?(context: string, options: FetchOptions): Promise<void>;
}

interface FetchOptions {
  signal?: AbortSignal | undefined;
  onLine?: (line: string) => void;
}

/** Builders, and the steps before and after one in the cluster, that come with a Containerfile. */
const IMAGES = {
  "job-steps": { programs: { run: "main" }, packages: ["execa", "tar", "yaml", "zod"] },
  nvs: { programs: { run: "build" }, packages: [] },
  esp32: {
    programs: { run: "build", prepare: "prepare-image" },
    packages: ["yaml", "zod"],
    async fetch(context, options) {
      await copyFile(toolchainFile("python", "platformio.txt"), join(context, "platformio.txt"));
      await downloadWheels("platformio", join(context, "wheels"), notes(options));
    },
  },
  native: {
    programs: { run: "build", prepare: "prepare-image" },
    packages: ["execa", "proper-lockfile", "semver", "tar", "yaml"],
    async fetch(context, options) {
      const config = join(root, "builders", "esp32", "firmware", "boards", "native", "mbedtls_config.h");
      await mkdir(join(context, "mbedtls"));
      await copyFile(config, join(context, "mbedtls", "mbedtls_config.h"));
      await mbedtlsSources(join(context, "mbedtls", "sources"), notes(options));
    },
  },
} as const satisfies Record<string, Image>;

export type ImageName = keyof typeof IMAGES;
export const IMAGE_NAMES = Object.keys(IMAGES) as ImageName[];

const own = fileURLToPath(import.meta.url);
const root = dirname(dirname(dirname(own)));

/** Leaves `Containerfile` and `context/` in the folder. */
export async function assembleContext(name: ImageName, folder: string, options: FetchOptions): Promise<void> {
  const extension = extname(own);
  const context = join(folder, "context");
  const target = join(context, "edgeflock");
  await mkdir(join(target, "node_modules"), { recursive: true });
  for (const part of ["builders", "kubernetes", "model", "toolchain"]) {
    // programs only: sources of firmware come as input, and tests of this machine have nothing to do with it
    const filter = (path: string): boolean =>
      !/(^|\/)(firmware|target|node_modules|go)$/.test(path.split(sep).join("/"));
    await cp(join(root, part), join(target, part), { recursive: true, filter });
  }
  const image: Image = IMAGES[name];
  await copyPackages(image.packages, join(target, "node_modules"));
  await copyFile(process.execPath, join(target, "node"));
  await chmod(join(target, "node"), 0o755);
  await writeFile(join(target, "package.json"), '{ "type": "module" }\n');
  for (const [file, module] of Object.entries(image.programs)) {
    const text = `await import("./builders/${name}/${module}${extension}");\n`;
    await writeFile(join(target, `${file}.mjs`), text);
  }
  await copyFile(join(root, "builders", name, "Containerfile"), join(folder, "Containerfile"));
  await image.fetch?.(context, options);
}

/** With all that they depend on. */
async function copyPackages(names: readonly string[], target: string): Promise<void> {
  const from = new Map(names.map((name) => [name, packageFolder(name, own)]));
  for (const [name, folder] of from) {
    await cp(folder, join(target, name), { recursive: true });
    const text = await readFile(join(folder, "package.json"), "utf8");
    const { dependencies = {} } = JSON.parse(text) as { dependencies?: Record<string, string> };
    for (const each of Object.keys(dependencies)) {
      const place = packageFolder(each, join(folder, "package.json"));
      // what lies inside of the package is copied with it
      if (!from.has(each) && relative(folder, place).startsWith("..")) from.set(each, place);
    }
  }
}

/** @param by path of a file that uses it */
function packageFolder(name: string, by: string): string {
  for (const folder of createRequire(by).resolve.paths(name) ?? []) {
    if (existsSync(join(folder, name, "package.json"))) return join(folder, name);
  }
  throw new Error(`there is no package ${name} for ${by}`);
}

function notes({ signal, onLine }: FetchOptions): {
  signal: AbortSignal | undefined;
  note?: (text: string) => void;
} {
  return { signal, ...(onLine && { note: onLine }) };
}
