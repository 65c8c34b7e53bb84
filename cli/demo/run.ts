// The demo, step by step: tools, embedded Kubernetes, stack, `pulumi up`, one flashed board, summary.
// Starts processes; writes below the checkout's .edgeflock/ and to stacks/Pulumi.demo.yaml, which git ignores.
import { existsSync } from "node:fs";
import { join } from "node:path";
import pc from "picocolors";
import { loadManifests } from "../../model/load-manifests.ts";
import { readManifestFiles } from "../../model/read-manifest-files.ts";
import { start } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { pluginSummary, prepareEnvironment } from "../../toolchain/environment.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import { recoverStack } from "../../toolchain/recover-stack.ts";
import { demoSecrets, secretVariables } from "./demo-secrets.ts";
import { flashVirtualBoard } from "./flash-virtual-board.ts";
import { MANIFESTS, PROJECT, SECRETS_FILE, STACK, STACK_FILE } from "./places.ts";
import { type PulumiRunner, pulumiRunner } from "./pulumi-runner.ts";
import { renderSummary } from "./summary.ts";

export async function runDemo(): Promise<void> {
  const started = performance.now();
  const documents = loadManifests(readManifestFiles(join(PROJECT, MANIFESTS)));
  heading("Tools and embedded Kubernetes");
  const progress = stderrProgress();
  const cluster = await start(PROJECT, { progress });
  const { environment: env, plugins } = await prepareEnvironment({
    projectFolder: PROJECT,
    kubeconfig: cluster.kubeconfig,
    progress,
  });
  console.log(`  ${pluginSummary(plugins)}`);
  console.log(`  Kubernetes ${pc.dim("at")} ${cluster.server}`);
  const secrets = demoSecrets(secretVariables(documents), SECRETS_FILE, process.env);
  const pulumi = pulumiRunner({ ...env, ...secrets });
  await selectStack(pulumi);
  await recoverStack({ projectFolder: PROJECT, stack: STACK, environment: { ...env, ...secrets }, progress });
  heading("The fleet: pulumi up");
  await pulumi.shown("up", "--yes", "--suppress-outputs");
  const device = documents.devices[0]!.manifest;
  const deviceClass = device.spec.deviceClassReference.name;
  heading("One board: flashed by the real esptool into a virtual ESP32, then booted");
  await flashVirtualBoard({
    script: (await pulumi.output<Record<string, string>>("flashScripts"))[deviceClass]!,
    device: device.metadata.name,
    env,
  });
  console.log(
    renderSummary({
      clusters: await pulumi.output("clusters"),
      device: device.metadata.name,
      deviceClass,
      changes: await pulumi.lastChanges(),
      seconds: (performance.now() - started) / 1000,
      manifest: join(MANIFESTS, "groups.yaml"),
    }),
  );
}

async function selectStack(pulumi: PulumiRunner): Promise<void> {
  await pulumi.quiet("stack", "select", STACK, "--create");
  if (!existsSync(STACK_FILE) || !(await pulumi.succeeds("config", "get", "edgeflock:kubernetes"))) {
    await pulumi.quiet("config", "set", "edgeflock:kubernetes", "embedded");
  }
}

function heading(text: string): void {
  console.log(`\n${pc.bold(text)}`);
}
