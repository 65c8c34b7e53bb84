// `edgeflock explain DEVICE`: a device's settings and where each came from. Reads the stack's manifests, writes nothing.
import { basename } from "node:path";
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
  const { atConfiguredBroker } = await import("../../model/embedded-broker.ts");
  const broker = options.manifests === undefined ? await configuredBroker(basename(folder)) : undefined;
  const documents = atConfiguredBroker(loadManifests(readManifestFiles(folder)), broker, process.cwd());
  const explanation = explainDevice(documents, device, options.namespace);
  if (options.json) {
    console.log(JSON.stringify(explanation, undefined, 2));
    return;
  }
  const { explanationText } = await import("../../model/explain-text.ts");
  const { default: style } = await import("picocolors");
  console.log(explanationText(explanation, style));
}

/** The stack's `edgeflock:broker`: its devices may be at another broker than the manifests say. */
async function configuredBroker(stack: string): Promise<string | undefined> {
  const { readStackConfig } = await import("../../toolchain/stack-file.ts");
  const broker = (await readStackConfig(process.cwd(), stack))?.["edgeflock:broker"];
  return typeof broker === "string" ? broker : undefined;
}
