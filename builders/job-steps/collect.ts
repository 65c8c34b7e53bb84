// Gathers what the builders of a pod left, for the upload. Reads the folders of outputs and the source. What a builder
// left is looked at before it is read: a link in it could name what the builder itself could never see, like the right
// to upload, or another device's output.
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { packArchive, unpackArchive } from "../artifact-archive.ts";
import { packOutput } from "../describe-artifact.ts";
import { checkOutput } from "../executors/check-output.ts";
import { librariesOf } from "../libraries.ts";

/** Of a device's image and of its text. */
const LARGEST_CONFIG = 1024 * 1024;

/**
 * What is part of the artefact, and its bill of materials while the source is at hand.
 * @param outputs folder with a folder a run, by number
 * @returns an archive, with `0/` before each path
 * @throws VisibleError where the output holds links that lead out of it
 */
export async function collectFirmware(outputs: string, source: string): Promise<Uint8Array> {
  const output = join(outputs, "0");
  await checkOutput(output);
  const files = unpackArchive(await packOutput(output, await librariesOf(source)));
  return packArchive(new Map([...files].map(([path, bytes]) => [`0/${path}`, bytes])));
}

/**
 * The images and texts of all devices. What is missing, too large or no plain file is left out: that is told where each
 * device's result is looked at.
 */
export async function collectConfigs(outputs: string): Promise<Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const folder of (await readdir(outputs)).filter((name) => /^\d+$/.test(name))) {
    for (const name of ["config.bin", "config.csv"]) {
      const path = join(outputs, folder, name);
      const info = await lstat(path).catch(() => undefined);
      if (info?.isFile() && info.size <= LARGEST_CONFIG) files.set(`${folder}/${name}`, await readFile(path));
      else if (info) console.log(`${folder}/${name} is left out: it is no plain file, or too large`);
    }
  }
  return packArchive(files);
}
