// Before an update: clears away what a killed one left on the stack, so that the update goes on where that stopped.
// Removes dead locks, sweeps builders' folders, and may change the state by `pulumi stack import`.
import { type Deployment, hasPendingOperations, settlePending } from "./pending-operations.ts";
import { quietPulumi, type StackRun } from "./quiet-pulumi.ts";
import { plainStackName, readProjectFile } from "./stack-file.ts";
import { isLocked, removeStaleLocks, removeTornSidecars, removeUnfinishedFiles } from "./stale-locks.ts";
import { readState, stateFolderOf } from "./state-file.ts";

/** Does nothing where nothing was killed. For state elsewhere than in a folder, pulumi's own `pulumi cancel` is due. */
export async function recoverStack(options: StackRun): Promise<void> {
  const url = options.environment.PULUMI_BACKEND_URL;
  if (!url?.startsWith("file://")) return;
  const state = stateFolderOf(url);
  const stack = plainStackName(options.stack);
  const { name: project } = await readProjectFile(options.projectFolder);
  if (project === undefined) return;
  await removeTornSidecars(state, project, stack);
  const removed = await removeStaleLocks(state, project, stack);
  for (const line of removed) options.progress.say(`The last run was killed. ${line}`);
  // What is pending is what that one does just now; pulumi says who it is.
  if (await isLocked(state, project, stack)) return;
  if (removed.length > 0) await removeUnfinishedFiles(state, project, stack);
  const left = readState(url, project, stack);
  if (left !== undefined && hasPendingOperations(left)) await settle(options, stack);
}

async function settle(options: StackRun, stack: string): Promise<void> {
  const { progress } = options;
  const problem = "What the killed run left could not be settled";
  const pulumi = (args: string[], input?: string) =>
    quietPulumi({ ...options, stack }, args, { problem, ...(input !== undefined && { input }) });
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
