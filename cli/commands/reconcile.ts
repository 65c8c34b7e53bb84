// `edgeflock reconcile`: keeps a stack as the objects in its Kubernetes declare it, until it is told to end.
import { Command, InvalidArgumentError } from "commander";

export interface ReconcileCommandOptions {
  stack?: string;
  dryRun?: true;
  quiet: number;
  resync: number;
  leaseNamespace?: string;
  identity?: string;
  leaseSeconds: number;
}

export function command(): Command {
  return new Command("reconcile")
    .description(
      "Watch the four kinds in the cluster, update the stack whenever they change, and write what became of them into their status.",
    )
    .option("--stack <name>", "stack to keep up to date (default: PULUMI_STACK, else the selected one)")
    .option("--dry-run", "write what an update would do into the status, and wait until a person approves it")
    .option("--quiet <seconds>", "how long nothing may change before an update begins", seconds, 1)
    .option("--resync <seconds>", "how often to update though no object changed", seconds, 3600)
    .option(
      "--lease-namespace <name>",
      "namespace of the Lease by which replicas agree who works (default: POD_NAMESPACE, else the kube-context's)",
    )
    .option("--lease-seconds <seconds>", "how long the Lease of a replica that died holds", seconds, 15)
    .option("--identity <name>", "name of this replica in the Lease (default: host and process)")
    .addHelpText(
      "after",
      `
The stack's configuration must say "edgeflock:source: cluster". SIGTERM and Ctrl-C let what has begun end in order.

  npx edgeflock pulumi config set edgeflock:source cluster
  npx edgeflock reconcile --stack prod`,
    )
    .action(async (options: ReconcileCommandOptions) => {
      const { runReconciler } = await import("../reconcile/run-reconciler.ts");
      await runReconciler(options);
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 30 * 86_400))
    throw new InvalidArgumentError("expected seconds, such as 0.5 or 60");
  return value;
}
