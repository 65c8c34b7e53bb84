// When an update saves its state: after each step, as pulumi does, or once at its end. Only reads files.
//
// pulumi's own file and object-storage backends write the whole state at every step, so the time of an update grows
// with the square of a fleet: docs/large-fleets.md has the figures. Pulumi Cloud takes single steps and needs none of this.
import { readManifestFiles } from "../model/read-manifest-files.ts";
import { VisibleError } from "../model/visible-error.ts";
import { declaredFolder, ownConfig, readProjectFile, readStackConfig } from "./stack-file.ts";
import { readState } from "./state-file.ts";

export type Checkpoints = "each" | "end";

/** From so many devices on the state is written once, unless the stack's configuration says otherwise. */
export const MANY_DEVICES = 200;

/** What pulumi calls it; https://github.com/pulumi/pulumi/issues/10668 */
export const SKIP_CHECKPOINTS = { PULUMI_SKIP_CHECKPOINTS: "true" } as const;

export interface CheckpointOptions {
  projectFolder: string;
  /** Name of the stack, with or without organization and project. */
  stack: string;
  /** The environment that pulumi will run in. */
  environment: NodeJS.ProcessEnv;
  /** How many are declared, where they are not declared in the stack's folder. */
  devices?: number | undefined;
}

/** @throws VisibleError where the stack's configuration says what there is not */
export async function chooseCheckpoints(options: CheckpointOptions): Promise<Checkpoints> {
  const { projectFolder, stack, environment } = options;
  const get = ownConfig((await readStackConfig(projectFolder, stack)) ?? {});
  const asked = get("checkpoints");
  if (asked === "each" || asked === "end") return asked;
  if (asked !== undefined && asked !== "auto") {
    throw new VisibleError(`edgeflock:checkpoints is "${asked}"; it takes "each", "end" or "auto".`, {
      hint: 'Set one with "pulumi config set edgeflock:checkpoints end", or remove it with "pulumi config rm".',
    });
  }
  const project = await readProjectFile(projectFolder);
  if (!writesWholeStates(environment.PULUMI_BACKEND_URL ?? project.backendUrl)) return "each";
  const declared = options.devices ?? declaredDevices(declaredFolder(projectFolder, stack, get));
  const devices = Math.max(declared, devicesInState(options, project.name));
  return devices >= MANY_DEVICES ? "end" : "each";
}

/** pulumi's backends of its own ("DIY"): a folder or an object storage. */
function writesWholeStates(url: string | undefined): boolean {
  return url !== undefined && /^(file|s3|gs|azblob|postgres):\/\//.test(url);
}

/** Counts documents without reading them whole; what is wrong with them is the program's to say. */
function declaredDevices(folder: string): number {
  try {
    return readManifestFiles(folder).reduce((sum, { text }) => sum + countDevices(text), 0);
  } catch {
    return 0;
  }
}

/** How many documents of kind Device a manifest's text holds, in block style or as JSON. */
export function countDevices(text: string): number {
  return text.match(/^[ {]*"?kind"?:\s*["']?Device["']?\s*$|"kind":\s*"Device"/gm)?.length ?? 0;
}

/** For a program, and for a fleet whose manifests shrank. Only a state in a folder can be looked at without pulumi. */
function devicesInState(options: CheckpointOptions, project: string | undefined): number {
  const state = project && readState(options.environment.PULUMI_BACKEND_URL, project, options.stack);
  return (state || "").match(/"type":\s*"edgeflock:index:Device"/g)?.length ?? 0;
}
