// The folder of the user's project and the ignored folder of ours in it. Touches files.
import { existsSync } from "node:fs";
import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { VisibleError } from "../model/visible-error.ts";

/** The nearest folder with a Pulumi.yaml, from `start` upwards. */
export function projectFolder(start: string = process.cwd()): string {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "Pulumi.yaml")) || existsSync(join(folder, "Pulumi.yml"))) return folder;
    if (dirname(folder) === folder) break;
  }
  throw new VisibleError(`There is no Pulumi.yaml in ${resolve(start)} or above it.`, {
    hint: "Change to the folder of your project and run this again.",
  });
}

/** `.edgeflock/` of a project: state, passphrase, cluster. Made for its owner alone, and ignored by git. */
export async function stateFolder(project: string): Promise<string> {
  const folder = join(project, ".edgeflock");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // of a volume in a Pod, root is the owner and the Pod the only one who sees it
  const isVolume = process.getuid?.() !== 0 && (await stat(folder)).uid === 0;
  if (!isVolume) await chmod(folder, 0o700);
  const ignore = join(folder, ".gitignore");
  if (!existsSync(ignore)) await writeFile(ignore, "*\n");
  return folder;
}
