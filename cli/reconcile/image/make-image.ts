// Makes the image of the reconciler with the current project. Makes tools ready; starts podman or docker.
import { buildImage } from "../../../builders/images/build-image.ts";
import { interruptible } from "../../../builders/interruption.ts";
import { findContainerEngine, MAKES_IMAGE } from "../../../toolchain/container-engine.ts";
import { stderrProgress } from "../../../toolchain/progress.ts";
import { projectFolder } from "../../../toolchain/project-folder.ts";
import { choosePlugins } from "../../../toolchain/pulumi-plugins.ts";
import { ensureTool } from "../../../toolchain/tools.ts";
import { assembleReconciler } from "./assemble.ts";

export interface MakeImageOptions {
  base?: string;
  tag?: string;
}

/** @returns the id of the image, `sha256:…` */
export async function makeReconcilerImage({ base, tag }: MakeImageOptions): Promise<string> {
  const project = projectFolder();
  const engine = await findContainerEngine(process.env, MAKES_IMAGE);
  const progress = stderrProgress();
  return interruptible(undefined, async (signal) => {
    const pulumi = await ensureTool("pulumi", { progress, signal });
    const plugins = await choosePlugins(pulumi, { progress, signal });
    return progress.step("Making the reconciler's image", (step) => {
      const onLine = (line: string) => step.note(line);
      return buildImage(
        (folder) => assembleReconciler(folder, { project, tools: { tools: [pulumi], plugins }, onLine }),
        { engine, signal, onLine, ...(base !== undefined && { base }), ...(tag !== undefined && { tag }) },
      );
    });
  });
}
