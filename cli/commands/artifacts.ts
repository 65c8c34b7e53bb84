// `edgeflock artifacts …`: what a fleet's artefact store holds, and clearing it up.
import { Command } from "commander";
import type { StoreOptions } from "../artifacts/open-stores.ts";

export function command(): Command {
  return new Command("artifacts")
    .description("List, clear up and export the firmware in a fleet's artefact store.")
    .addCommand(
      withStore(new Command("ls").description("List the firmware there is, and who uses it."))
        .option("--json", "print it as JSON")
        .action(async (options: StoreOptions & { json?: true }) => {
          const { listArtifacts } = await import("../artifacts/list.ts");
          await listArtifacts(options);
        }),
    )
    .addCommand(
      withStore(
        new Command("gc").description(
          "Show what no class uses any more; with --yes, remove it. What another Kubernetes' stacks use stays.",
        ),
      )
        .option("--yes", "remove it")
        .option("--json", "print what goes as JSON")
        .action(async (options: StoreOptions & { yes?: true; json?: true }) => {
          const { collectGarbage } = await import("../artifacts/collect-garbage.ts");
          await collectGarbage(options);
        }),
    )
    .addCommand(
      withStore(
        new Command("export").description(
          "Write an artefact to a folder: images, flasher_args.json, bill of materials, provenance, build log.",
        ),
      )
        .argument("<digest>", "its digest, or how it begins")
        .argument("<folder>", "a new or empty folder")
        .action(async (digest: string, folder: string, options: StoreOptions) => {
          const { exportArtifact } = await import("../artifacts/export.ts");
          await exportArtifact(digest, folder, options);
        }),
    )
    .addHelpText(
      "after",
      `
The store is the one that the stack's DevicesCluster names (spec.artifacts).

Examples:
  npx edgeflock artifacts ls --stack production
  npx edgeflock artifacts gc --stack production          # shows what would go
  npx edgeflock artifacts export sha256:0123abcd firmware-1.4`,
    );
}

function withStore(command: Command): Command {
  return command
    .option("--stack <name>", "stack (default: the only one)")
    .option("--manifests <folder>", "folder of manifests to read instead of what the stack declares")
    .option("--cluster <name>", "DevicesCluster (default: the only one)")
    .option(
      "--context <name>",
      "kube-context (default: the current one; that of the stack where its fleet is objects in the cluster)",
    )
    .option("--kubeconfig <file>", "as in kubectl");
}
