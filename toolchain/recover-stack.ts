// Before an update: clears away what a killed one left on the stack, so that the update goes on where that stopped.
// Removes dead locks, sweeps builders' folders, and may change the state by `pulumi stack import`.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { execa } from "execa";
import { VisibleError } from "../model/visible-error.ts";
import { stateFolderOf } from "./checkpoints.ts";
import { type Deployment, hasPendingOperations, settlePending } from "./pending-operations.ts";
import type { Progress } from "./progress.ts";
import { plainStackName, readProjectFile } from "./stack-file.ts";
import { removeStaleLocks, removeTornSidecars, removeUnfinishedFiles } from "./stale-locks.ts";

export interface RecoverOptions {
  projectFolder: string;
  /** Name of the stack, with or without organization and project. */
  stack: string;
  /** The environment that pulumi will run in. */
  environment: NodeJS.ProcessEnv;
  progress: Progress;
}

/** Does nothing where nothing was killed. For state elsewhere than in a folder, pulumi's own `pulumi cancel` is due. */
export async function recoverStack(options: RecoverOptions): Promise<void> {
  const url = options.environment.PULUMI_BACKEND_URL;
  if (!url?.startsWith("file://")) return;
  const state = stateFolderOf(url);
  const stack = plainStackName(options.stack);
  const { name: project } = await readProjectFile(options.projectFolder);
  if (project === undefined) return;
  await removeTornSidecars(state, project, stack);
  const removed = await removeStaleLocks(state, project, stack);
  for (const line of removed) options.progress.say(`The last run was killed. ${line}`);
  if (removed.length > 0) await removeUnfinishedFiles(state, project, stack);
  if (await isPending(state, project, stack)) await settle(options, stack);
}

async function isPending(state: string, project: string, stack: string): Promise<boolean> {
  const file = join(state, ".pulumi", "stacks", project, `${stack}.json`);
  for (const [ending, decompress] of [
    ["", (bytes: Buffer) => bytes],
    [".gz", gunzipSync],
    [".zst", zstdDecompressSync],
  ] as const) {
    if (!existsSync(file + ending)) continue;
    return hasPendingOperations(decompress(await readFile(file + ending)).toString("utf8"));
  }
  return false;
}

async function settle(options: RecoverOptions, stack: string): Promise<void> {
  const { projectFolder, environment, progress } = options;
  const pulumi = async (args: string[], input?: string) => {
    const { exitCode, stdout, stderr } = await execa(
      "pulumi",
      [...args, "--stack", stack, "--non-interactive"],
      {
        cwd: projectFolder,
        env: environment,
        extendEnv: false,
        reject: false,
        ...(input === undefined ? { stdin: "ignore" as const } : { input }),
      },
    );
    if (exitCode === 0) return stdout;
    throw new VisibleError(
      `What the killed run left could not be settled: pulumi ${args.slice(0, 2).join(" ")} failed:\n${stderr || stdout}`,
      { hint: "Mend what it names and run it again." },
    );
  };
  const exported = JSON.parse(await pulumi(["stack", "export"])) as { deployment: Deployment };
  const { deployment, toRefresh, interrupted } = settlePending(exported.deployment);
  progress.say(
    `The last run was killed while it was ${interrupted.join(", ")}. This one goes on from there.`,
  );
  await pulumi(["stack", "import"], JSON.stringify({ ...exported, deployment }));
  if (toRefresh.length === 0) return;
  await progress.step("Reading what was being changed when it was killed", () =>
    pulumi(["refresh", "--yes", "--skip-preview", ...toRefresh.flatMap((urn) => ["--target", urn])]),
  );
}
