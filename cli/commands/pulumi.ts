// `edgeflock pulumi -- …`: pulumi with the project's tools, state and passphrase.
import type { Command } from "commander";
import { passedArguments, passThrough, passThroughCommand } from "../pass-through.ts";

export function command(): Command {
  return passThroughCommand("pulumi", "run pulumi with Edgeflock's tools, state and passphrase").action(
    async () => {
      const { prepareEnvironment, pluginSummary } = await import("../../toolchain/environment.ts");
      const { projectFolder } = await import("../../toolchain/project-folder.ts");
      const { stderrProgress } = await import("../../toolchain/progress.ts");
      const { changesState, meantStack, needsEmbeddedCluster, runsProgram, touchesCluster } = await import(
        "../../toolchain/pulumi-stack.ts"
      );
      const project = projectFolder();
      const args = passedArguments("pulumi");
      const progress = stderrProgress();
      // What the program and pulumi say for whoever looks for a fault is dropped otherwise: it costs much.
      if (args.includes("--debug") || args.includes("-d")) process.env.EDGEFLOCK_DEBUG ??= "1";
      const { environment, tools, plugins } = await prepareEnvironment({
        projectFolder: project,
        tools: ["pulumi", "kubectl"],
        progress,
      });
      const program = tools.pulumi!.path;
      const where = { project, pulumi: program, environment };
      const stack = touchesCluster(args) ? await meantStack(args, where) : undefined;
      if (touchesCluster(args)) {
        if (plugins.some((plugin) => plugin.source === "stand-in")) progress.say(pluginSummary(plugins));
        if (stack && (await needsEmbeddedCluster(stack, project))) {
          const { interruptible } = await import("../interruptible.ts");
          const { start } = await import("../../toolchain/embedded-kubernetes/cluster.ts");
          await interruptible((signal) => start(project, { progress, signal }));
        }
      }
      if (stack && runsProgram(args)) {
        const { policyArguments } = await import("../update/policies.ts");
        args.push(...(await policyArguments(project, stack)));
      }
      if (changesState(args)) {
        const { sweepWorkFolders } = await import("../../builders/work-folder.ts");
        const { recoverStack } = await import("../../toolchain/recover-stack.ts");
        await sweepWorkFolders().catch((error: unknown) =>
          progress.say(`A killed build's folder stays: ${error}`),
        );
        if (stack) {
          await recoverStack({ projectFolder: project, stack, environment, progress });
          const { runUpdate } = await import("../update/run-update.ts");
          process.exitCode = await runUpdate({
            projectFolder: project,
            stack,
            args,
            environment,
            progress,
            run: (variables) =>
              passThrough({ program, args, cwd: project, environment: { ...environment, ...variables } }),
          });
          return;
        }
      }
      process.exitCode = await passThrough({ program, args, cwd: project, environment });
    },
  );
}
