// The fleet of a stack, for the commands that are about one: which stack is meant, and what it declares, taken from
// manifests or from objects in its Kubernetes, and checked as an update checks it. Reads files; may ask the API server.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { LOAD_OPTIONS } from "../builders/builders.ts";
import { connect, type KubernetesApi } from "../kubernetes/api.ts";
import { loadDeclared, sourceFromConfig } from "../kubernetes/declared.ts";
import type { KubernetesTarget } from "../kubernetes/target.ts";
import type { Documents } from "../model/load-manifests.ts";
import { VisibleError } from "../model/visible-error.ts";
import { declaredFolder, ownConfig, readProjectFile, readStackConfig } from "../toolchain/stack-file.ts";
import { connectStack } from "./connect-stack.ts";

/** On the command line. */
export interface FleetOptions {
  stack?: string;
  /** Folder of manifests that are meant whatever a stack's configuration says. */
  manifests?: string;
}

/** Of a stack what says which fleet it is. */
export interface MeantStack {
  /** Undefined for a folder of manifests that was named alone. */
  name: string | undefined;
  projectFolder: string;
  /** Of its manifests. */
  folder: string;
  /** Looks up a plain value of our own in its configuration. */
  get(key: string): string | undefined;
}

/**
 * The stack that was named, else the only one of the project in the current folder.
 *
 * @throws VisibleError where there is no such stack, or several and none was named
 */
export async function meantStack({ stack, manifests }: FleetOptions): Promise<MeantStack> {
  if (manifests !== undefined) {
    return { name: stack, projectFolder: "", folder: manifests, get: () => undefined };
  }
  const name = chooseStack(await listStacks(), stack);
  const get = ownConfig((await readStackConfig("", name)) ?? {});
  return { name, projectFolder: "", folder: declaredFolder("", name, get), get };
}

/**
 * What it declares.
 *
 * @param connected is asked where that is objects in a Kubernetes; by default the one of the stack's configuration
 * @throws ProblemsError with everything that an update would refuse
 */
export function fleetOf(
  { get, folder, projectFolder }: MeantStack,
  connected: () => Promise<KubernetesApi> = () => connectStack(projectFolder, get),
): Promise<Documents> {
  return loadDeclared({ get, folder, connect: connected }, LOAD_OPTIONS);
}

/**
 * The Kubernetes that a command about the fleet looks into: the one that was named on the command line; else, of a fleet
 * of objects, the one that they are in; else that of kubectl.
 */
export function connectTo(stack: MeantStack | undefined, named: KubernetesTarget): Promise<KubernetesApi> {
  const { context, kubeconfig } = named;
  const isNamed = context !== undefined || kubeconfig !== undefined;
  if (!isNamed && stack && sourceFromConfig(stack.get) === "cluster") {
    return connectStack(stack.projectFolder, stack.get);
  }
  return connect({
    ...(context !== undefined && { context }),
    ...(kubeconfig !== undefined && { kubeconfig }),
  });
}

function chooseStack(stacks: readonly string[], stack: string | undefined): string {
  if (stack === undefined) {
    if (stacks.length === 1) return stacks[0]!;
    throw new VisibleError(stacks.length === 0 ? "There are no stacks here" : "Which stack?", {
      hint:
        stacks.length === 0
          ? "Run this in the project's folder."
          : `Add --stack; there are: ${stacks.join(", ")}`,
    });
  }
  if (!stacks.includes(stack)) {
    throw new VisibleError("There is no such stack here", {
      hint: `There are: ${stacks.join(", ") || "none"}`,
    });
  }
  return stack;
}

/**
 * Those that have a folder in stacks/, and those whose configuration says where else their fleet is declared. Empty
 * where this is no project's folder.
 */
export async function listStacks(): Promise<string[]> {
  const folders = entries("stacks").filter((entry) => entry.isDirectory());
  const stacks = new Set(folders.map(({ name }) => name));
  const { stackConfigDir } = await readProjectFile("");
  for (const { name } of entries(join(stackConfigDir))) {
    const stack = /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1];
    if (stack === undefined || stacks.has(stack)) continue;
    const get = ownConfig((await readStackConfig("", stack)) ?? {});
    if (get("source") === "cluster" || get("manifests") !== undefined) stacks.add(stack);
  }
  return [...stacks].sort();
}

function entries(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
