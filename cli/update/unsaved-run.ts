// Notes that an update is under way which saves its state only at the end: found at the next start, the note tells that
// it was killed, and that the cluster may hold what no state knows of. Writes one small file below .edgeflock/.
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stateFolder } from "../../toolchain/project-folder.ts";
import { plainStackName } from "../../toolchain/stack-file.ts";

export interface UnsavedRun {
  /** An earlier one was killed, and what it left is not yet cleared away. */
  wasKilled: boolean;
  /** The state is saved, and nothing is left to clear away. */
  settled(): Promise<void>;
}

export async function beginUnsavedRun(projectFolder: string, stack: string): Promise<UnsavedRun> {
  const folder = join(await stateFolder(projectFolder), "unsaved");
  const file = join(folder, plainStackName(stack));
  const wasKilled = existsSync(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!wasKilled) await writeFile(file, `${new Date().toISOString()}\n`);
  return { wasKilled, settled: () => rm(file, { force: true }) };
}
