// Starts the reconciler of a stack: tools, configuration, cluster, signals. Starts processes; writes below .edgeflock/.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { clustersFromConfig, sourceFromConfig } from "../../kubernetes/declared.ts";
import { type KubernetesTarget, targetFromConfig } from "../../kubernetes/target.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { prepareEnvironment } from "../../toolchain/environment.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import { projectFolder } from "../../toolchain/project-folder.ts";
import { meantStack } from "../../toolchain/pulumi-stack.ts";
import { ownConfig, readProjectFile, readStackConfig } from "../../toolchain/stack-file.ts";
import type { ReconcileCommandOptions } from "../commands/reconcile.ts";
import { endOfProcess } from "./end-of-process.ts";
import { leaseName } from "./lease-name.ts";
import { Reconciler } from "./reconciler.ts";

export async function runReconciler(options: ReconcileCommandOptions): Promise<void> {
  const project = projectFolder();
  const progress = stderrProgress();
  const { environment, tools } = await prepareEnvironment({
    projectFolder: project,
    tools: ["pulumi"],
    progress,
  });
  const where = { project, pulumi: tools.pulumi!.path, environment };
  const stack = options.stack ?? (await meantStack([], where));
  if (stack === undefined) throw new VisibleError("Which stack?", { hint: "Add --stack." });
  const get = ownConfig((await readStackConfig(project, stack)) ?? {});
  if (sourceFromConfig(get) !== "cluster") {
    throw new VisibleError(
      `The stack ${stack} takes its fleet from manifests, not from objects in the cluster.`,
      {
        hint: "pulumi config set edgeflock:source cluster",
      },
    );
  }
  const target = await targetOf(project, get);
  const reconciler = await Reconciler.open({
    projectFolder: project,
    stack,
    environment,
    progress,
    target,
    clusters: clustersFromConfig(get),
    dryRun: options.dryRun === true,
    quietMs: options.quiet * 1000,
    resyncMs: options.resync * 1000,
    lease: {
      namespace: options.leaseNamespace ?? process.env.POD_NAMESPACE ?? (await defaultNamespace(target)),
      name: leaseName((await readProjectFile(project)).name ?? "", stack),
      // in two pods that share a node's network, host and process id are the same
      identity: options.identity ?? `${hostname()}_${randomUUID()}`,
      leaseSeconds: options.leaseSeconds,
    },
    listen: { host: options.host, port: options.port },
    say: (line) => progress.say(`${new Date().toISOString()} ${line}`),
  });
  await reconciler.run(endOfProcess());
}

async function targetOf(
  project: string,
  get: (key: string) => string | undefined,
): Promise<KubernetesTarget> {
  const target = targetFromConfig(get);
  if (get("kubernetes") === "embedded") {
    const { start } = await import("../../toolchain/embedded-kubernetes/cluster.ts");
    await start(project, { progress: stderrProgress() });
  }
  const { kubeconfig } = target;
  return { ...target, ...(kubeconfig !== undefined && { kubeconfig: resolve(project, kubeconfig) }) };
}

async function defaultNamespace(target: KubernetesTarget): Promise<string> {
  const { loadConnection } = await import("../../kubernetes/kubeconfig.ts");
  return (await loadConnection(target)).namespace;
}
