// `edgeflock explain DEVICE`: a device's settings and where each came from. Reads what the stack declares, writes nothing.
import { Command } from "commander";
import type { FleetOptions } from "../stack-fleet.ts";

interface Options extends FleetOptions {
  namespace?: string;
  json?: true;
}

export function command(): Command {
  return new Command("explain")
    .description(
      "Show a device's resolved settings: value, place in NVS, the layer each came from and what it overrode.",
    )
    .argument("<device>", "name of the device")
    .option("--stack <name>", "stack (default: the only one)")
    .option("--manifests <folder>", "folder of manifests to read instead of what the stack declares")
    .option("--namespace <name>", "cluster's namespace, where several clusters have a device of this name")
    .option("--json", "print the explanation as JSON")
    .addHelpText(
      "after",
      `
Secrets are shown by where they come from, never by their value.

Examples:
  edgeflock explain fern-01
  edgeflock explain fern-01 --stack demo --json`,
    )
    .action(explain);
}

async function explain(device: string, options: Options): Promise<void> {
  const { fleetOf, meantStack } = await import("../stack-fleet.ts");
  const { explainDevice } = await import("../../model/explain.ts");
  const { atConfiguredBroker } = await import("../../model/embedded-broker.ts");
  const stack = await meantStack(options);
  // its devices may be at another broker than they declare
  const documents = atConfiguredBroker(await fleetOf(stack), stack.get("broker"), process.cwd());
  const explanation = explainDevice(documents, device, options.namespace);
  if (options.json) {
    console.log(JSON.stringify(explanation, undefined, 2));
    return;
  }
  const { explanationText } = await import("../../model/explain-text.ts");
  const { default: style } = await import("picocolors");
  console.log(explanationText(explanation, style));
}
