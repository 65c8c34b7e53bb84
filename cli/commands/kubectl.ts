// `edgeflock kubectl -- …`: kubectl with the embedded Kubernetes as its cluster.
import type { Command } from "commander";
import { passedArguments, passThrough, passThroughCommand, userFolder } from "../pass-through.ts";

export function command(): Command {
  return passThroughCommand("kubectl", "run kubectl against this project's embedded Kubernetes").action(
    async () => {
      const { prepareEnvironment } = await import("../../toolchain/environment.ts");
      const { projectFolder } = await import("../../toolchain/project-folder.ts");
      const { stderrProgress } = await import("../../toolchain/progress.ts");
      const { status } = await import("../../toolchain/embedded-kubernetes/cluster.ts");
      const project = projectFolder();
      const args = passedArguments("kubectl");
      const cluster = await status(project);
      const { environment, tools } = await prepareEnvironment({
        projectFolder: project,
        kubeconfig: cluster.kubeconfig,
        tools: ["kubectl"],
        progress: stderrProgress(),
      });
      const ownCluster = args.some((word) => /^--(kubeconfig|server|help)(=|$)|^-[sh]$/.test(word));
      if (!cluster.running && !ownCluster) {
        console.error("The embedded Kubernetes is not running; start it with: npm run cluster -- start");
      }
      process.exitCode = await passThrough({
        program: tools.kubectl!.path,
        args,
        cwd: userFolder(),
        environment,
      });
    },
  );
}
