// `edgeflock bundle`: flashing without a network: export a class, bring the results back.
import { Command, InvalidArgumentError } from "commander";

export interface BundleAccess {
  namespace?: string;
  kubeconfig?: string;
  context?: string;
}

export interface ExportCommandOptions extends BundleAccess {
  out?: string;
  count?: number;
  passphraseFile?: string;
  recipient?: string[];
}

export function command(): Command {
  const bundle = new Command("bundle").description(
    "Flash without a network: export devices of a class, bring the results back.",
  );
  withAccess(
    bundle
      .command("export", { isDefault: true })
      .description(
        "write firmware and configurations into one encrypted file, and reserve its devices (default)",
      )
      .argument("<class>", "the device class")
      .argument("[devices...]", "only these (default: all that no board has)")
      .option("-o, --out <file>", "the file (default <class>.bundle)")
      .option("--count <n>", "at most so many devices", positive)
      .option(
        "--passphrase-file <file>",
        "the passphrase is in this file (default: asked for at the terminal)",
      )
      .option("--recipient <age1…>", "encrypt to this age key instead (may be repeated)", collect),
  ).action(async (className: string, devices: string[], options: ExportCommandOptions) => {
    await (await import("../bundle/run-bundle.ts")).runExport(className, devices, options);
  });
  withAccess(
    bundle
      .command("merge")
      .description("note in the cluster what an offline station flashed; may be repeated")
      .argument("<logs...>", "the files <bundle>.results.jsonl")
      .option("--release", "the bundle will not be used again: free its devices that no board became"),
  ).action(async (logs: string[], options: BundleAccess & { release?: boolean }) => {
    await (await import("../bundle/run-bundle.ts")).runMerge(logs, options);
  });
  withAccess(
    bundle
      .command("release")
      .description("free the devices of a bundle that was lost or thrown away")
      .argument("<class>", "the device class")
      .argument("<id>", "the bundle's id, as the Leases have it"),
  ).action(async (className: string, id: string, options: BundleAccess) => {
    await (await import("../bundle/run-bundle.ts")).runRelease(className, id, options);
  });
  return bundle.addHelpText(
    "after",
    `
  npx edgeflock bundle esp32-cam -n greenhouse --count 20     at the office
  npx edgeflock flash esp32-cam --bundle esp32-cam.bundle     at the bench, as often as you like
  npx edgeflock bundle merge esp32-cam.bundle.results.jsonl   back at the office

A bundle holds the devices' secrets: it is encrypted, and worth deleting when it is used up. Use one bundle at one
bench: two copies could give one device to two boards, which "merge" then reports.`,
  );
}

function withAccess(command: Command): Command {
  return command
    .option("-n, --namespace <name>", "the class's namespace (default: the kube-context's)")
    .option("--kubeconfig <file>", "as in kubectl")
    .option("--context <name>", "as in kubectl");
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("expected a whole number from 1");
  return value;
}
