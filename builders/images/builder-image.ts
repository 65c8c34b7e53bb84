// Makes the image of a builder: a context of its Containerfile, its program, and the Node that runs it.
// Writes a temporary folder; starts podman or docker.
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { VisibleError } from "../../model/visible-error.ts";
import type { ContainerEngine } from "../../toolchain/container-engine.ts";
import { runCommand } from "../../toolchain/run-command.ts";

/** Builders that come with a Containerfile, and the npm packages that their programs use. */
const IMAGES = {
  nvs: ["yaml"],
  esp32: ["yaml", "zod"],
} as const satisfies Record<string, readonly string[]>;

export type ImageName = keyof typeof IMAGES;
export const IMAGE_NAMES = Object.keys(IMAGES) as ImageName[];

export interface ImageOptions {
  engine: ContainerEngine;
  /** Image to start from; default the Containerfile's. */
  base?: string;
  /** Values of the Containerfile's ARGs. */
  args?: Record<string, string>;
  /** Name for people; what manifests name is the id. */
  tag?: string;
  signal?: AbortSignal | undefined;
  onLine?: (line: string) => void;
}

/** @returns the id of the image, `sha256:…` */
export async function buildBuilderImage(name: ImageName, options: ImageOptions): Promise<string> {
  if (process.platform !== "linux") {
    throw new VisibleError(
      "images of builders can be made on Linux only: they hold the Node that runs this",
      {
        hint: "make it on a Linux machine or in CI, push it to a registry, and name it by its digest",
      },
    );
  }
  const folder = await mkdtemp(join(tmpdir(), "edgeflock-image-"));
  try {
    await assembleContext(name, folder);
    const idFile = join(folder, "image-id");
    const { engine, base, args = {}, tag } = options;
    const values = { ...(base !== undefined && { BASE: base }), ...args };
    await runCommand(
      [
        ...[engine.command, "build", "--iidfile", idFile, "--file", join(folder, "Containerfile")],
        // needs fewer rights than a container, which is all the same for what our Containerfiles run
        ...(engine.kind === "podman" ? ["--isolation", "chroot", "--network", "host"] : []),
        ...(tag === undefined ? [] : ["--tag", tag]),
        ...Object.entries(values).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]),
        join(folder, "context"),
      ],
      { signal: options.signal, ...(options.onLine && { onLine: options.onLine }) },
    );
    const id = (await readFile(idFile, "utf8")).trim();
    return id.startsWith("sha256:") ? id : `sha256:${id}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Everything that the Containerfile copies. */
async function assembleContext(name: ImageName, folder: string): Promise<void> {
  const own = fileURLToPath(import.meta.url);
  const extension = extname(own);
  const root = dirname(dirname(dirname(own)));
  const target = join(folder, "context", "edgeflock");
  await mkdir(join(target, "node_modules"), { recursive: true });
  for (const part of ["builders", "model", "toolchain"]) {
    // programs only: sources of firmware come as input, and tests of this machine have nothing to do with it
    const filter = (path: string): boolean =>
      !/(^|\/)(firmware|target|node_modules|go)$/.test(path.split(sep).join("/"));
    await cp(join(root, part), join(target, part), { recursive: true, filter });
  }
  for (const dependency of IMAGES[name]) {
    const from = packageFolder(dependency);
    await cp(from, join(target, "node_modules", dependency), { recursive: true });
  }
  await copyFile(process.execPath, join(target, "node"));
  await chmod(join(target, "node"), 0o755);
  await writeFile(join(target, "package.json"), '{ "type": "module" }\n');
  await writeFile(join(target, "run.mjs"), `await import("./builders/${name}/build${extension}");\n`);
  await copyFile(join(root, "builders", name, "Containerfile"), join(folder, "Containerfile"));
  await copyFile(
    join(root, "toolchain", "python", "platformio.txt"),
    join(folder, "context", "platformio.txt"),
  );
}

function packageFolder(name: string): string {
  const entry = fileURLToPath(import.meta.resolve(name));
  const marker = join("node_modules", name);
  const at = entry.lastIndexOf(marker);
  if (at < 0) throw new Error(`${name} is at ${relative(".", entry)}, in no node_modules`);
  return entry.slice(0, at + marker.length);
}
