// `edgeflock status`: declared, flashed, announced, for each device. Asks the cluster, and the broker where it is told.
import { Command } from "commander";
import type { FleetOptions } from "../stack-fleet.ts";

export interface StatusCommandOptions extends FleetOptions {
  namespace?: string;
  kubeconfig?: string;
  context?: string;
  reader?: string;
  ca?: string;
  stale?: true;
  json?: true;
}

export function command(): Command {
  return new Command("status")
    .description(
      "Show for each device what is declared, what was flashed and what it announces: which boards need flashing.",
    )
    .argument("[devices...]", "only these devices")
    .option("--stale", "only boards that need flashing, and those that would be locked out")
    .option("--json", "print one JSON document")
    .option(
      "-n, --namespace <name>",
      "the fleet's namespace (default: those of the stack, else the kube-context's)",
    )
    .option("--kubeconfig <file>", "as in kubectl")
    .option(
      "--context <name>",
      "as in kubectl (default: that of the stack where its fleet is objects in the cluster)",
    )
    .option("--reader <secret>", "ask the broker as the reader whose Secret this is")
    .option("--ca <file>", "certificate that the broker's is signed with (default: the fleet's own)")
    .option("--stack <name>", "stack that says what the next `pulumi up` does (default: the only one)")
    .option("--manifests <folder>", "folder of manifests to read instead of what the stack declares")
    .addHelpText(
      "after",
      `
Declared is what the last "pulumi up" put into the cluster. Run it in the project's folder, and it also tells whose
board the next one would lock out.

  npx edgeflock status
  npx edgeflock status --stale
  npx edgeflock status --reader recorder-mqtt --json`,
    )
    .action(async (devices: string[], options: StatusCommandOptions) => {
      const { runStatus } = await import("../status/run-status.ts");
      await runStatus(devices, options);
    });
}
