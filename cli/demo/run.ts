// The demo, step by step: tools, embedded Kubernetes and broker, stack, `pulumi up`, one flashed board, summary.
// Starts processes; writes below the checkout's .edgeflock/ and to stacks/Pulumi.demo.yaml, which git ignores.
import { existsSync } from "node:fs";
import { join } from "node:path";
import pc from "picocolors";
import { connect } from "../../kubernetes/api.ts";
import { type Documents, loadManifests } from "../../model/load-manifests.ts";
import { readManifestFiles } from "../../model/read-manifest-files.ts";
import { setUsers, startBroker } from "../../toolchain/embedded-broker/broker.ts";
import { filesFromCluster } from "../../toolchain/embedded-broker/files-from-cluster.ts";
import { start } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { pluginSummary, prepareEnvironment } from "../../toolchain/environment.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import { recoverStack } from "../../toolchain/recover-stack.ts";
import { demoSecrets, secretVariables } from "./demo-secrets.ts";
import { flashVirtualBoard, settingsOf } from "./flash-virtual-board.ts";
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
  const broker = await startBroker(PROJECT, { progress });
  console.log(`  Kubernetes ${pc.dim("at")} ${cluster.server}`);
  console.log(`  ${broker.program === "aedes" ? "Broker" : "Mosquitto"} ${pc.dim("at")} ${broker.url}`);
  const secrets = demoSecrets(secretVariables(documents), SECRETS_FILE, process.env);
  const pulumi = pulumiRunner({ ...env, ...secrets });
  await selectStack(pulumi);
  await recoverStack({ projectFolder: PROJECT, stack: STACK, environment: { ...env, ...secrets }, progress });
  heading("The fleet: pulumi up");
  await pulumi.shown("up", "--yes", "--suppress-outputs");
  await giveUsers(documents, cluster.kubeconfig);
  const device = documents.devices[0]!.manifest;
  const deviceClass = device.spec.deviceClassReference.name;
  const namespace = device.metadata.namespace ?? documents.clusters[0]!.manifest.spec.namespace;
  heading("One board: flashed by the real esptool into a virtual ESP32, then booted");
  await flashVirtualBoard({
    script: (await pulumi.output<Record<string, string>>("flashScripts"))[deviceClass]!,
    device: device.metadata.name,
    deviceClass,
    settings: await settingsOf(
      await connect({ kubeconfig: cluster.kubeconfig }),
      namespace,
      device.metadata.name,
    ),
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
  for (const key of ["edgeflock:kubernetes", "edgeflock:broker"]) {
    if (existsSync(STACK_FILE) && (await pulumi.succeeds("config", "get", key))) continue;
    await pulumi.quiet("config", "set", key, "embedded");
  }
}

/** The fleet's users from its Secrets to the broker, which is told where they changed. */
async function giveUsers({ clusters }: Documents, kubeconfig: string): Promise<void> {
  const api = await connect({ kubeconfig });
  const files = { passwordfile: "", aclfile: "" };
  for (const { manifest } of clusters) {
    const part = await filesFromCluster(api, manifest.spec.namespace);
    files.passwordfile += part.passwordfile;
    files.aclfile += part.aclfile;
  }
  await setUsers(PROJECT, files);
}

function heading(text: string): void {
  console.log(`\n${pc.bold(text)}`);
}
