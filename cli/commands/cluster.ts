// `edgeflock cluster start|stop|status|reset`: the embedded Kubernetes of the project that one stands in.
import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import { VisibleError } from "../../model/visible-error.ts";
import type { ClusterStatus } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { interruptible } from "../interruptible.ts";

/** Exit code of `status` where the cluster does not run, as service managers have it. */
const NOT_RUNNING = 3;

export function command(): Command {
  const cluster = new Command("cluster")
    .description("start, stop and inspect the embedded Kubernetes of this project")
    .addHelpText(
      "after",
      "\nA real kube-apiserver with etcd and controllers, on 127.0.0.1 only; with --node, a node as well on which pods run.\n" +
        "It keeps running until it is stopped; its data and keys are in .edgeflock/kubernetes/.",
    );
  cluster
    .command("start")
    .description("start it and wait until it is ready; does nothing where it runs already")
    .option("--node", "with a real node: pods run (as root, with containerd and runc)")
    .option("--json", "print the status as JSON")
    .action((options: StartFlags) => runStart(options));
  cluster
    .command("load <image>")
    .description("bring an image of podman or docker to the node; prints what pods name it by")
    .action(runLoad);
  cluster.command("stop").description("stop it; its data stays").action(runStop);
  cluster
    .command("status")
    .description(`show what runs; exit code ${NOT_RUNNING} where it is not up`)
    .option("--json", "print the status as JSON")
    .action((options: { json?: boolean }) => runStatus(options));
  cluster
    .command("reset")
    .description("stop it and delete all its data and keys")
    .option("-y, --yes", "do not ask")
    .action((options: { yes?: boolean }) => runReset(options));
  return cluster;
}

async function load() {
  const { projectFolder } = await import("../../toolchain/project-folder.ts");
  const { stderrProgress } = await import("../../toolchain/progress.ts");
  const cluster = await import("../../toolchain/embedded-kubernetes/cluster.ts");
  return { ...cluster, project: projectFolder(), progress: stderrProgress() };
}

interface StartFlags {
  json?: boolean;
  node?: boolean;
}

async function runStart(options: StartFlags): Promise<void> {
  const { start, status, project, progress } = await load();
  const before = await status(project);
  const { node = false } = options;
  const now = await interruptible((signal) => start(project, { progress, signal, node }));
  if (options.json) return void console.log(JSON.stringify(now, null, 2));
  console.log(
    `The embedded Kubernetes ${now.version ?? ""} ${before.running ? "runs already" : "is up"} at ${now.server}${now.node ? ", with a node" : ""}`,
  );
  console.log(`  kubeconfig  ${now.kubeconfig}`);
  console.log("  try         npm run -s kubectl -- get namespaces");
  console.log("  stop it     npm run cluster -- stop");
}

async function runLoad(image: string): Promise<void> {
  const { loadImageFor } = await import("../../toolchain/embedded-kubernetes/load-image.ts");
  const { project, progress } = await load();
  console.log(await progress.step(`Bringing ${image} to the node`, () => loadImageFor(project, image)));
}

async function runStop(): Promise<void> {
  const { stop, status, project, progress } = await load();
  const before = await status(project);
  const ran = before.components.some((component) => component.pid !== undefined);
  await stop(project, { progress });
  console.log(
    ran
      ? "The embedded Kubernetes is stopped; its data is kept."
      : "The embedded Kubernetes was not running.",
  );
}

async function runStatus(options: { json?: boolean }): Promise<void> {
  const { status, project } = await load();
  const now = await status(project);
  console.log(options.json ? JSON.stringify(now, null, 2) : describe(now));
  if (!now.running) process.exitCode = NOT_RUNNING;
}

async function runReset(options: { yes?: boolean }): Promise<void> {
  const { reset, status, project, progress } = await load();
  const now = await status(project);
  if (!options.yes) await confirm(now);
  await reset(project, { progress });
  console.log("The embedded Kubernetes and all its data are gone.");
}

async function confirm(now: ClusterStatus): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new VisibleError(
      "This deletes everything in the embedded Kubernetes, and nobody is there to be asked.",
      {
        hint: "Run it with --yes if that is what you want.",
      },
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `Delete everything in the embedded Kubernetes (${now.folder})? Type yes: `,
    );
    if (answer.trim().toLowerCase() !== "yes") throw new VisibleError("Nothing was deleted.");
  } finally {
    terminal.close();
  }
}

function describe(now: ClusterStatus): string {
  const lines = now.components.map(({ name, pid, ready }) => {
    const state = pid === undefined ? "not running" : ready ? "ready" : "running, not ready";
    return `  ${name.padEnd(24)} ${state}${pid === undefined ? "" : ` (process ${pid})`}`;
  });
  if (now.running) {
    const head = `The embedded Kubernetes ${now.version ?? ""} is up at ${now.server} since ${now.startedAt}`;
    return [
      head,
      ...lines,
      `  node                     ${now.node ? "ready" : "none; start one with: npm run cluster -- start --node"}`,
      `  kubeconfig               ${now.kubeconfig}`,
      `  logs                     ${now.logs}`,
    ].join("\n");
  }
  const data = now.hasData ? "Its data is kept." : "It has no data yet.";
  return [
    "The embedded Kubernetes is not up.",
    ...lines,
    `${data} Start it with: npm run cluster -- start`,
  ].join("\n");
}
