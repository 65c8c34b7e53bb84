// `edgeflock artifacts export`. Writes a folder.
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { damaged, writeArchiveFiles } from "../../builders/artifact-files.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { openStoreOf, type StoreOptions } from "./open-stores.ts";

export async function exportArtifact(start: string, folder: string, options: StoreOptions): Promise<void> {
  const wanted = start.startsWith("sha256:") ? start : `sha256:${start}`;
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new VisibleError(`${folder} cannot be written: ${error.message}`, { cause: error });
  });
  if (there.length > 0) throw new VisibleError(`${folder} is not empty.`, { hint: "Name a new folder." });
  const opened = await openStoreOf(options);
  const all = await (await opened.as("")).list();
  const found = all.filter(({ digest }) => digest.startsWith(wanted));
  const digests = new Set(found.map(({ digest }) => digest));
  if (digests.size !== 1) {
    throw new VisibleError(
      digests.size === 0 ? `There is no artefact ${wanted}.` : `Several artefacts begin with ${wanted}.`,
      { hint: '"edgeflock artifacts ls" shows what there is.' },
    );
  }
  for (const one of found) {
    const archive = await (await opened.as(one.user ?? "")).read(one.reference);
    if (!archive) continue;
    await mkdir(folder, { recursive: true });
    if (one.reference.secretBearing) await chmod(folder, 0o700);
    await writeArchiveFiles(archive, folder);
    const { record } = one;
    if (record) {
      const { provenance, log, ...rest } = record;
      await writeFile(join(folder, "record.json"), `${JSON.stringify(rest, undefined, 2)}\n`);
      await writeFile(
        join(folder, "provenance.intoto.json"),
        `${JSON.stringify(provenance, undefined, 2)}\n`,
      );
      await writeFile(join(folder, "build.log"), log === "" ? "" : `${log}\n`);
    }
    console.log(`${one.digest} is in ${folder}.`);
    if (one.reference.secretBearing)
      console.error("It was built with a secret: keep the folder to yourself.");
    return;
  }
  throw damaged([...digests][0]!, found[0]!.where);
}
