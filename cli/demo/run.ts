// The demo, step by step: tools, embedded Kubernetes, stack, `pulumi up`, one flashed board, summary.
// Starts processes; writes below the checkout's .edgeflock/ and to stacks/Pulumi.demo.yaml, which git ignores.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import pc from "picocolors";
import { loadManifests } from "../../model/load-manifests.ts";
import { readManifestFiles } from "../../model/read-manifest-files.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { reset, start, status } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { pluginSummary, prepareEnvironment, toolEnvironment } from "../../toolchain/environment.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import { recoverStack } from "../../toolchain/recover-stack.ts";
import { demoSecrets, secretVariables } from "./demo-secrets.ts";
import { flashVirtualBoard } from "./flash-virtual-board.ts";
import { renderSummary } from "./summary.ts";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const STACK = "demo";
const MANIFESTS = join("stacks", STACK);

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
  const secrets = demoSecrets(
    secretVariables(documents),
    join(PROJECT, ".edgeflock", "demo-secrets.json"),
    process.env,
  );
  const pulumi = runner({ ...env, ...secrets });
  await selectStack(pulumi);
  await recoverStack({ projectFolder: PROJECT, stack: STACK, environment: { ...env, ...secrets }, progress });
  heading("The fleet: pulumi up");
  await pulumi.shown("up", "--yes", "--suppress-outputs");
  const device = documents.devices[0]!.manifest;
  const deviceClass = device.spec.deviceClassReference.name;
  heading("One board: flashed by the real esptool into a virtual ESP32, then booted");
  await flashVirtualBoard({
    projectFolder: PROJECT,
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

export async function destroyDemo(): Promise<void> {
  const env = await toolEnvironment({ projectFolder: PROJECT });
  const stackFile = join(PROJECT, "stacks", `Pulumi.${STACK}.yaml`);
  if ((await status(PROJECT)).hasData) {
    await start(PROJECT);
    const file = join(PROJECT, ".edgeflock", "demo-secrets.json");
    const documents = loadManifests(readManifestFiles(join(PROJECT, MANIFESTS)));
    const pulumi = runner({ ...env, ...demoSecrets(secretVariables(documents), file, process.env) });
    if (await pulumi.succeeds("stack", "select", STACK)) {
      heading("Removing the fleet: pulumi destroy");
      await pulumi.quiet("state", "unprotect", "--all", "--yes");
      await pulumi.shown("destroy", "--yes", "--skip-preview", "--remove");
    }
    await reset(PROJECT);
  }
  rmSync(join(PROJECT, ".edgeflock"), { recursive: true, force: true });
  rmSync(stackFile, { force: true });
  console.log("Everything that the demo made is gone. The downloaded tools stay in the cache.");
}

type Runner = ReturnType<typeof runner>;

function runner(env: NodeJS.ProcessEnv) {
  const base = { cwd: PROJECT, env: { ...env, PULUMI_STACK: STACK }, extendEnv: false } as const;
  const quiet = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await execa("pulumi", [...args, "--non-interactive"], {
      ...base,
      reject: false,
      stdin: "ignore",
    });
    if (exitCode !== 0) throw new VisibleError(`pulumi ${args[0]} failed:\n${stderr || stdout}`);
    return stdout;
  };
  return {
    quiet,
    async succeeds(...args: string[]): Promise<boolean> {
      return (
        (await execa("pulumi", [...args, "--non-interactive"], { ...base, reject: false, stdin: "ignore" }))
          .exitCode === 0
      );
    },
    async shown(...args: string[]): Promise<void> {
      const color = process.stdout.isTTY ? "auto" : "never";
      // Ctrl-C reaches pulumi too, which ends what it has begun and records it; this process waits for that.
      const wait = () => {};
      process.on("SIGINT", wait);
      const { exitCode } = await execa("pulumi", [...args, "--color", color], {
        ...base,
        reject: false,
        stdio: ["ignore", "inherit", "inherit"],
      });
      process.off("SIGINT", wait);
      if (exitCode !== 0) {
        throw new VisibleError(`pulumi ${args[0]} did not finish; the lines above say why.`, {
          hint: "Mend what they name and run it again: it goes on where it stopped.",
          exitCode: exitCode ?? 130,
        });
      }
    },
    async output<T>(name: string): Promise<T> {
      return JSON.parse(await quiet("stack", "output", name, "--json")) as T;
    },
    async lastChanges(): Promise<Record<string, number>> {
      const [last] = JSON.parse(await quiet("stack", "history", "--json", "--page-size", "1", "--page", "1"));
      const { same: _, ...changes } = (last?.resourceChanges ?? {}) as Record<string, number>;
      return changes;
    },
  };
}

async function selectStack(pulumi: Runner): Promise<void> {
  await pulumi.quiet("stack", "select", STACK, "--create");
  if (
    !existsSync(join(PROJECT, "stacks", `Pulumi.${STACK}.yaml`)) ||
    !(await pulumi.succeeds("config", "get", "edgeflock:kubernetes"))
  ) {
    await pulumi.quiet("config", "set", "edgeflock:kubernetes", "embedded");
  }
}

function heading(text: string): void {
  console.log(`\n${pc.bold(text)}`);
}
