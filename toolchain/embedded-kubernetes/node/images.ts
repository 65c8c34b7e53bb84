// Brings images to the node, which pulls none of its own accord where no registry can be reached. Starts ctr and
// podman or docker; writes temporary files.
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Header } from "tar";
import type { ContainerEngine } from "../../container-engine.ts";
import { runCommand } from "../../run-command.ts";
import { CONTAINERD_NAMESPACE, PAUSE_IMAGE } from "./configuration.ts";
import type { NodePaths } from "./paths.ts";

export interface ImageTarget {
  node: Pick<NodePaths, "socket">;
  ctr: string;
}

/** One file for an image of files alone. */
export interface ImageFile {
  path: string;
  bytes: Uint8Array;
}

/** The image that every pod's own namespaces are held by. */
export async function loadPauseImage(target: ImageTarget, program: string): Promise<void> {
  const file = { path: "pause", bytes: await readFile(program) };
  await withArchive(imageArchive([file], { name: PAUSE_IMAGE, entrypoint: ["/pause"] }), (path) =>
    importArchive(target, path),
  );
}

/**
 * An image of podman or docker, as pods name it.
 * @param image name or id on this machine
 * @returns `<name>@sha256:…`
 */
export async function loadImage(
  target: ImageTarget,
  engine: ContainerEngine,
  image: string,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "edgeflock-load-"));
  try {
    const archive = join(folder, "image.tar");
    await runCommand([engine.command, "save", "--output", archive, image], {
      hint: `Is the image on this machine? "${engine.kind} images --no-trunc" lists them.`,
    });
    return await importByDigest(target, archive);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An image of the given files, executable all, by its digest. */
export async function loadFiles(
  target: ImageTarget,
  files: readonly ImageFile[],
  config: { entrypoint: string[] },
): Promise<string> {
  return await withArchive(imageArchive(files, config), (path) => importByDigest(target, path));
}

const BASE_NAME = "edgeflock.local/image";

async function importByDigest(target: ImageTarget, archive: string): Promise<string> {
  const { all } = await importArchive(target, archive, ["--digests", "--base-name", BASE_NAME]);
  const found = new RegExp(`${BASE_NAME}@sha256:[0-9a-f]{64}`).exec(all)?.[0];
  if (!found) throw new Error(`ctr does not say what it imported: ${all.slice(0, 500)}`);
  return found;
}

function importArchive({ node, ctr }: ImageTarget, archive: string, words: string[] = []) {
  const command = [ctr, "--address", node.socket, "--namespace", CONTAINERD_NAMESPACE];
  return runCommand([...command, "images", "import", ...words, archive]);
}

async function withArchive<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "edgeflock-load-"));
  try {
    const path = join(folder, "image.tar");
    await writeFile(path, bytes);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As `docker save` writes it. https://github.com/moby/docker-image-spec/blob/main/v1.2.md */
function imageArchive(
  files: readonly ImageFile[],
  { name, entrypoint }: { name?: string; entrypoint: string[] },
): Uint8Array {
  const layer = tarOf(files.map((file) => ({ ...file, mode: 0o755 })));
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: { Entrypoint: entrypoint },
      rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] },
    }),
  );
  const manifest = [
    { Config: `${sha256(config)}.json`, RepoTags: name ? [name] : [], Layers: ["layer.tar"] },
  ];
  return tarOf([
    { path: `${sha256(config)}.json`, bytes: config, mode: 0o644 },
    { path: "layer.tar", bytes: layer, mode: 0o644 },
    { path: "manifest.json", bytes: Buffer.from(JSON.stringify(manifest)), mode: 0o644 },
  ]);
}

function tarOf(files: readonly (ImageFile & { mode: number })[]): Uint8Array {
  const parts = files.flatMap(({ path, bytes, mode }) => {
    const block = Buffer.alloc(512);
    new Header({ path, mode, uid: 0, gid: 0, size: bytes.length, mtime: new Date(0), type: "File" }).encode(
      block,
      0,
    );
    return [block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
