// `edgeflock which`: which classes and devices run a component. Reads bills of materials and Leases.
import { Command } from "commander";

export interface WhichOptions {
  component: string;
  version?: string;
  namespace?: string;
  context?: string;
  kubeconfig?: string;
  json?: true;
}

export function command(): Command {
  return new Command("which")
    .description("Show which classes and devices run a library, by the bill of materials of their firmware.")
    .requiredOption("--component <name>", "a library's name or package URL")
    .option("--version <range>", "only these versions: 1.2.0, <1.3, …")
    .option("-n, --namespace <name>", "the fleet's namespace (default: the kube-context's)")
    .option("--context <name>", "as in kubectl")
    .option("--kubeconfig <file>", "as in kubectl")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      `
A device runs what was flashed onto its board; what its class has now may be newer. So boards that still run an earlier
firmware are looked up too. Where nobody knows any more what was in that, the boards are named on standard error.

Examples:
  npx edgeflock which --component esp-hal -n greenhouse
  npx edgeflock which --component mbedtls --version '<3.6.3' --json`,
    )
    .action(async (options: WhichOptions) => {
      const { showWhich } = await import("../artifacts/which.ts");
      await showWhich(options);
    });
}
