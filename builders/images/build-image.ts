// Makes images from Containerfiles of ours. Writes a temporary folder; starts podman or docker.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import type { ContainerEngine } from "../../toolchain/container-engine.ts";
import { runCommand } from "../../toolchain/run-command.ts";
import { assembleContext, type ImageName } from "./image-context.ts";

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
export function buildBuilderImage(name: ImageName, options: ImageOptions): Promise<string> {
  return buildImage((folder) => assembleContext(name, folder, options), options);
}

/**
 * @param assemble leaves `Containerfile` and `context/` in the folder it is given
 * @returns the id of the image, `sha256:…`
 */
export async function buildImage(
  assemble: (folder: string) => Promise<void>,
  options: ImageOptions,
): Promise<string> {
  if (process.platform !== "linux") {
    throw new VisibleError(
      "Edgeflock's images can be made on Linux only: they hold the Node that runs this",
      {
        hint: "make it on a Linux machine or in CI, push it to a registry, and name it by its digest",
      },
    );
  }
  const folder = await mkdtemp(join(tmpdir(), "edgeflock-image-"));
  try {
    await assemble(folder);
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
