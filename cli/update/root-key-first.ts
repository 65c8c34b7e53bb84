// Makes the fleet's root key before anything derives from it, with an update of its own that saves the state at each
// step: what comes after may then be killed at any moment without a credential being lost. Starts pulumi.
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT_KEY_NAME, ROOT_KEY_TYPE } from "../../model/names.ts";
import { type Deployment, hasPendingOperations } from "../../toolchain/pending-operations.ts";
import { stateFolder } from "../../toolchain/project-folder.ts";
import { quietPulumi, type StackRun } from "../../toolchain/quiet-pulumi.ts";
import { plainStackName, readProjectFile, stackFilePath } from "../../toolchain/stack-file.ts";
import { readState } from "../../toolchain/state-file.ts";

const HINT = "Mend what it names and run it again; nothing of the fleet was changed.";

/** Does nothing where the state has the key already. */
export async function rootKeyFirst(options: StackRun): Promise<void> {
  const { name: project } = await readProjectFile(options.projectFolder);
  // pulumi itself says what is wrong with such a project
  if (project === undefined || (await isInState(options, project))) return;
  await options.progress.step("Making the fleet's root key, which all credentials derive from", () =>
    makeKey(options, project),
  );
}

async function isInState(options: StackRun, project: string): Promise<boolean> {
  const { stack, environment } = options;
  const text =
    readState(environment.PULUMI_BACKEND_URL, project, stack) ??
    (await quietPulumi(options, ["stack", "export"], { hint: HINT }));
  return holdsRootKey(text);
}

/**
 * Among the resources, that is: one whose making was interrupted is among the pending operations only.
 *
 * @param text of a state file or an export
 */
export function holdsRootKey(text: string): boolean {
  const ending = `::${ROOT_KEY_NAME}`;
  if (!text.includes(`${ending}"`)) return false;
  if (!hasPendingOperations(text)) return true;
  const { checkpoint, deployment } = JSON.parse(text) as {
    checkpoint?: { latest?: Deployment };
    deployment?: Deployment;
  };
  const resources = (checkpoint?.latest ?? deployment)?.resources ?? [];
  return resources.some(({ urn, delete: goes }) => urn.endsWith(ending) && !goes);
}

/** A program that declares nothing but the key, and an update of nothing but the key. */
async function makeKey(options: StackRun, project: string): Promise<void> {
  const { projectFolder, stack } = options;
  // inside the project, where Node finds the packages that the project's own program finds
  const folder = await mkdtemp(join(await stateFolder(projectFolder), "root-key-"));
  try {
    const runtime = { name: "nodejs", options: { typescript: false } };
    await writeFile(
      join(folder, "Pulumi.yaml"),
      JSON.stringify({ name: project, main: "main.mjs", runtime }),
    );
    await writeFile(join(folder, "main.mjs"), 'import { rootKey } from "edgeflock";\nrootKey();\n');
    const urn = `urn:pulumi:${plainStackName(stack)}::${project}::${ROOT_KEY_TYPE}::${ROOT_KEY_NAME}`;
    const config = await stackFilePath(projectFolder, stack);
    await quietPulumi(
      options,
      [
        "up",
        "--yes",
        "--skip-preview",
        "--target",
        urn,
        ...(existsSync(config) ? ["--config-file", config] : []),
      ],
      { cwd: folder, hint: HINT },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
