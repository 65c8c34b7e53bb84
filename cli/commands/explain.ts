// `edgeflock explain DEVICE`: a device's settings and where each came from. Reads the stack's manifests, writes nothing.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { VisibleError } from "../../model/visible-error.ts";

interface Options {
  stack?: string;
  manifests?: string;
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
  const folder = options.manifests ?? join("stacks", stackFolder(options.stack));
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

function stackFolder(stack: string | undefined): string {
  const stacks = listStacks();
  if (stack === undefined) {
    if (stacks.length === 1) return stacks[0]!;
    throw new VisibleError(stacks.length === 0 ? "There are no stacks here" : "Which stack?", {
      hint:
        stacks.length === 0
          ? "Run this in the project's folder."
          : `Add --stack; there are: ${stacks.join(", ")}`,
    });
  }
  if (!stacks.includes(stack)) {
    throw new VisibleError("There is no such stack in stacks/", {
      hint: `There are: ${stacks.join(", ") || "none"}`,
    });
  }
  return stack;
}

function listStacks(): string[] {
  try {
    return readdirSync("stacks", { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}
