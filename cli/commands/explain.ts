// `edgeflock explain DEVICE`: a device's settings and where each came from. Reads the stack's manifests, writes nothing.
import { Command } from "commander";
import { type ManifestOptions, manifestsFolder } from "../stack-folder.ts";

interface Options extends ManifestOptions {
  namespace?: string;
  json?: true;
}

export function command(): Command {
  return new Command("explain")
    .description(
      "Show a device's resolved settings: value, place in NVS, the layer each came from and what it overrode.",
    )
    .argument("<device>", "name of the device")
    .option("--stack <name>", "stack whose manifests are read (default: the only one in stacks/)")
    .option("--manifests <folder>", "folder of the manifests (default: stacks/<stack>)")
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
  const folder = manifestsFolder(options);
  const { readManifestFiles } = await import("../../model/read-manifest-files.ts");
  const { loadManifests } = await import("../../model/load-manifests.ts");
  const { explainDevice } = await import("../../model/explain.ts");
  const explanation = explainDevice(loadManifests(readManifestFiles(folder)), device, options.namespace);
  if (options.json) {
    console.log(JSON.stringify(explanation, undefined, 2));
    return;
  }
  const { explanationText } = await import("../../model/explain-text.ts");
  const { default: style } = await import("picocolors");
  console.log(explanationText(explanation, style));
}
