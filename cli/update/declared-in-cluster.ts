// The objects that declare a stack, where its configuration says that they are in the cluster. Asks the API server.
import { clustersFromConfig, sourceFromConfig } from "../../kubernetes/declared.ts";
import { listDeclaredObjects } from "../../kubernetes/declared-objects.ts";
import { type DeclaredObject, meantObjects } from "../../model/load-objects.ts";
import { ownConfig, readStackConfig } from "../../toolchain/stack-file.ts";
import { connectStack } from "../connect-stack.ts";

export interface StackObjects {
  projectFolder: string;
  stack: string;
  /** Where they are known already. */
  objects?: readonly DeclaredObject[];
}

/** Undefined for a stack whose manifests are files, or whose program declares everything itself. */
export async function declaredInCluster(options: StackObjects): Promise<DeclaredObject[] | undefined> {
  const { projectFolder, stack, objects } = options;
  const get = ownConfig((await readStackConfig(projectFolder, stack)) ?? {});
  if (sourceFromConfig(get) === "manifests") return undefined;
  const clusters = clustersFromConfig(get);
  const all = objects ?? (await listDeclaredObjects(await connectStack(projectFolder, get), clusters));
  return meantObjects(all, clusters);
}
