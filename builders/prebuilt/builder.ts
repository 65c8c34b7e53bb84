// The firmware builder "prebuilt": firmware that somebody else built, as a folder or an archive with
// flasher_args.json, pinned by its digest. Reads that folder or archive.
import { createHash } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { VisibleError } from "../../model/visible-error.ts";
import { unpackArchive } from "../artifact-archive.ts";
import { checkBuilderArgs, projectPath } from "../builder-args.ts";
import { builderFingerprint } from "../content-hash.ts";
import type { BuildPlan, FirmwareBuilder, FirmwareRequest } from "../contract.ts";
import { FLASHER_ARGS } from "../flasher-args.ts";
import { hashSourceTree, listSourceTree } from "../source-tree.ts";
import type { WorkFolder } from "../work-folder.ts";
import { decompressed } from "./decompress.ts";
import { firmwareFolder } from "./firmware-folder.ts";

const args = z.strictObject({
  path: z.string().min(1, "must name a folder or an archive"),
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, 'must be "sha256:" and 64 hexadecimal digits')
    .optional(),
});

export const prebuiltBuilder: FirmwareBuilder = {
  name: "prebuilt",

  async plan(request: FirmwareRequest): Promise<BuildPlan> {
    const { path, digest } = checkBuilderArgs(request, args);
    const place = projectPath(request, path);
    const actual = await digestOfPrebuilt(place);
    if (digest !== actual) {
      const wanted = digest === undefined ? "has no digest in the manifest" : `is not the one of ${digest}`;
      throw new VisibleError(`the prebuilt firmware ${path} ${wanted}; its digest is ${actual}`, {
        hint: `if that is the firmware you mean, write \`digest: ${actual}\` into spec.firmware.builder.args`,
      });
    }
    return {
      identity: { builder: `prebuilt ${await builderFingerprint(import.meta.url)}` },
      args: { digest },
      run: { kind: "in-process", build: (work) => copyInto(work, place, path) },
    };
  },
};

/** Of an archive, that of its bytes (what `sha256sum` prints); of a folder, that of its tree. */
export async function digestOfPrebuilt(path: string): Promise<string> {
  const info = await stat(path).catch(() => undefined);
  if (!info) throw new VisibleError(`the prebuilt firmware ${path} does not exist`);
  if (info.isDirectory()) return `sha256:${await hashSourceTree(path)}`;
  return `sha256:${createHash("sha256")
    .update(await readFile(path))
    .digest("hex")}`;
}

async function copyInto(work: WorkFolder, place: string, shown: string): Promise<void> {
  const all = (await stat(place)).isDirectory()
    ? await readFolder(place)
    : unpackArchive(await decompressed(await readFile(place), shown), shown);
  const files = firmwareFolder(all);
  if (!files) {
    throw new VisibleError(`the prebuilt firmware ${shown} has no ${FLASHER_ARGS}`, {
      hint: `of an ESP-IDF project, take the files in build/ that ${FLASHER_ARGS} names, and itself`,
    });
  }
  for (const [path, bytes] of files) {
    const target = join(work.output, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
}

async function readFolder(folder: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const { path } of await listSourceTree(folder)) {
    const bytes = await readFile(join(folder, path)).catch((error: NodeJS.ErrnoException) => {
      // a link to a folder, or to nothing: whatever it names is there by its own name, or missing
      if (["EISDIR", "ENOENT"].includes(error.code ?? "")) return undefined;
      throw error;
    });
    if (bytes) files.set(path, bytes);
  }
  return files;
}
