// Brings an image of this machine's podman or docker to the node of a project's embedded Kubernetes.
import { realpath } from "node:fs/promises";
import { VisibleError } from "../../model/visible-error.ts";
import { findContainerEngine } from "../container-engine.ts";
import { status } from "./cluster.ts";
import { type ImageTarget, loadImage } from "./node/images.ts";
import { nodePaths } from "./node/paths.ts";
import { nodePrograms } from "./node/prerequisites.ts";
import { clusterPaths } from "./paths.ts";

/** @throws VisibleError where the cluster has no node that runs */
export async function imageTarget(projectFolder: string): Promise<ImageTarget> {
  if (!(await status(projectFolder)).node) {
    throw new VisibleError("The embedded Kubernetes has no node that an image could be brought to.", {
      hint: 'Start one with "npm run cluster -- start --node".',
    });
  }
  const node = nodePaths(clusterPaths(await realpath(projectFolder)));
  return { node, ctr: (await nodePrograms()).ctr };
}

/** @returns what pods name it by: `<name>@sha256:…` */
export async function loadImageFor(projectFolder: string, image: string): Promise<string> {
  const target = await imageTarget(projectFolder);
  return await loadImage(target, await findContainerEngine(), image);
}
