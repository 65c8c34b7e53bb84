// Lays out what the builders of a pod are given, as everywhere else (docs/builders.md). Reads mounted volumes, writes
// others; fetches from git where it is told to.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as tar from "tar";
import { VisibleError } from "../../model/visible-error.ts";
import { checkoutGit } from "../git-source.ts";
import { PATHS, type PackedSource, type StepRequest } from "../kubernetes-job/contract.ts";

export async function prepare(): Promise<void> {
  const request = JSON.parse(await readFile(join(PATHS.request, "request.json"), "utf8")) as StepRequest;
  for (const [index, { files, secrets }] of request.works.entries()) {
    const input = join(PATHS.input, `${index}`);
    // what is mounted into the input has to have a place there
    for (const place of ["source", "secrets"]) await mkdir(join(input, place), { recursive: true });
    const secretFolder = join(PATHS.secrets, `${index}`);
    await mkdir(secretFolder, { mode: 0o700 });
    await mkdir(join(PATHS.output, `${index}`));
    for (const name of [`${index}`, `${index}-tmp`]) await mkdir(join(PATHS.temporary, name));
    for (const [key, name] of Object.entries(files))
      await copyFile(join(PATHS.request, key), join(input, name));
    for (const [key, name] of Object.entries(secrets))
      await copyFile(join(PATHS.request, key), join(secretFolder, name));
  }
  const source = join(PATHS.input, "source");
  await mkdir(source, { recursive: true });
  if (request.source?.kind === "packed") await unpack(request.source, source);
  if (request.source?.kind === "git") await checkoutGit(request.source, source, PATHS.temporary);
}

async function unpack({ sha256 }: PackedSource, to: string): Promise<void> {
  // the volume has hidden folders of its own
  const names = (await readdir(PATHS.packedSource)).filter((name) => name.startsWith("part-")).sort();
  const bytes = Buffer.concat(
    await Promise.all(names.map((name) => readFile(join(PATHS.packedSource, name)))),
  );
  if (createHash("sha256").update(bytes).digest("hex") !== sha256) {
    throw new VisibleError("the packed source is damaged");
  }
  await pipeline(Readable.from([bytes]), tar.x({ cwd: to, strict: true, preserveOwner: false }));
}
