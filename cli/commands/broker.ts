// `edgeflock broker start|stop|status|sync|run`: a broker of the project's own, and a fleet's users into a Mosquitto.
import { Command, InvalidArgumentError, Option } from "commander";
import type { BrokerStatus } from "../../toolchain/embedded-broker/broker.ts";

/** Exit code of `status` where the broker does not run, as service managers have it. */
const NOT_RUNNING = 3;

interface SyncOptions {
  namespace: string;
  into?: string;
  pid?: number;
  kubeconfig?: string;
  context?: string;
  json?: boolean;
}

export function command(): Command {
  const broker = new Command("broker")
    .description("run an MQTT broker of this project's own, and give a Mosquitto a fleet's users")
    .addHelpText(
      "after",
      "\nMosquitto where it is installed, else a small one that comes with Edgeflock. On 127.0.0.1 only, with TLS; its\n" +
        "certificate, users and port are in .edgeflock/broker/ and stay from start to start.\n\n" +
        "Examples:\n" +
        "  edgeflock broker start\n" +
        "  edgeflock broker sync --namespace greenhouse\n" +
        "  edgeflock broker sync --namespace greenhouse --context production --into /etc/mosquitto/edgeflock --pid 812",
    );
  broker
    .command("start")
    .description("start it and wait until it answers; does nothing where it runs already")
    .addOption(
      new Option("--program <name>", "which one (default: mosquitto where it is there)").choices([
        "mosquitto",
        "aedes",
      ]),
    )
    .option("--json", "print the status as JSON")
    .action((options: { json?: boolean; program?: "mosquitto" | "aedes" }) => runStart(options));
  broker.command("stop").description("stop it; users, port and certificate stay").action(runStop);
  broker
    .command("status")
    .description(`show whether it runs; exit code ${NOT_RUNNING} where it does not`)
    .option("--json", "print the status as JSON")
    .action((options: { json?: boolean }) => runStatus(options));
  broker
    .command("sync")
    .description("fetch a fleet's users from its Secrets, and give them to the broker where they changed")
    .requiredOption("--namespace <name>", "namespace of the fleet")
    .option(
      "--into <folder>",
      "write passwordfile and aclfile there instead (with certificates also ca.crt and crl.pem), for a Mosquitto of yours",
    )
    .option("--pid <number>", "with --into: process that gets a SIGHUP where they changed", positive)
    .option("--kubeconfig <file>", "default: the embedded Kubernetes of this project")
    .option("--context <name>", "kube-context (with no --kubeconfig: of your own kubeconfig)")
    .option("--json", "print the result as JSON")
    .action((options: SyncOptions) => runSync(options));
  broker
    .command("run")
    .description("run the small broker in the foreground on a folder with its files; Ctrl-C ends it")
    .requiredOption("--folder <folder>", "folder with passwordfile, aclfile, server.key and server.crt")
    .requiredOption("--port <number>", "port on 127.0.0.1", positive)
    .action((options: { folder: string; port: number }) => runForeground(options));
  return broker;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError("must be a positive whole number");
  return value;
}

async function load() {
  const { projectFolder } = await import("../../toolchain/project-folder.ts");
  const { stderrProgress } = await import("../../toolchain/progress.ts");
  const broker = await import("../../toolchain/embedded-broker/broker.ts");
  return { ...broker, project: projectFolder(), progress: stderrProgress() };
}

async function runStart(options: { json?: boolean; program?: "mosquitto" | "aedes" }): Promise<void> {
  const { startBroker, project, progress } = await load();
  const { program } = options;
  const now = await startBroker(project, { progress, ...(program && { program }) });
  console.log(options.json ? JSON.stringify(now, null, 2) : describe(now));
}

async function runStop(): Promise<void> {
  const { brokerStatus, stopBroker, project } = await load();
  const { running } = await brokerStatus(project);
  await stopBroker(project);
  console.log(running ? "The broker is stopped." : "The broker was not running.");
}

async function runStatus(options: { json?: boolean }): Promise<void> {
  const { brokerStatus, project } = await load();
  const now = await brokerStatus(project);
  console.log(options.json ? JSON.stringify(now, null, 2) : describe(now));
  if (!now.running) process.exitCode = NOT_RUNNING;
}

async function runSync(options: SyncOptions): Promise<void> {
  const { filesFromCluster } = await import("../../toolchain/embedded-broker/files-from-cluster.ts");
  const { connect } = await import("../../kubernetes/api.ts");
  const { namespace, into, pid, context } = options;
  const { setUsers, writeAccessFiles, project } = await load();
  const { join } = await import("node:path");
  const { EMBEDDED } = await import("../../kubernetes/target.ts");
  const embedded = join(project, EMBEDDED.kubeconfig!);
  const kubeconfig = options.kubeconfig ?? (context === undefined ? embedded : undefined);
  const api = await connect({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) });
  const files = await filesFromCluster(api, namespace);
  const { passwordfile, aclfile } = files;
  const changed =
    into === undefined
      ? await setUsers(project, { passwordfile, aclfile })
      : await writeAccessFiles(into, files);
  if (into !== undefined && pid !== undefined && changed) process.kill(pid, "SIGHUP");
  const users = aclfile.split("\n").filter((line) => line.startsWith("user ")).length;
  if (options.json) return void console.log(JSON.stringify({ users, changed }));
  console.log(changed ? `The broker has ${users} users now.` : `The broker has its ${users} users already.`);
}

async function runForeground({ folder, port }: { folder: string; port: number }): Promise<void> {
  const { brokerFiles } = await import("../../toolchain/embedded-broker/paths.ts");
  const { AedesBroker } = await import("../../toolchain/embedded-broker/aedes-broker.ts");
  const { resolve } = await import("node:path");
  const broker = await AedesBroker.start(brokerFiles(resolve(folder)), port);
  console.log(`The broker listens at mqtts://127.0.0.1:${port}`);
  process.on("SIGHUP", () => {
    // Files that are not understood leave everything as it was.
    broker.reload().then(
      () => console.log("The users were read again."),
      (error: Error) => console.error(error.message),
    );
  });
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await broker.stop();
  process.exit(0);
}

function describe(now: BrokerStatus): string {
  if (!now.running) return "The broker is not up. Start it with: npm run broker -- start";
  return [
    `The broker (${now.program}, process ${now.pid}) is up at ${now.url} since ${now.startedAt}`,
    `  CA certificate  ${now.ca}`,
    `  log             ${now.log}`,
    "  its users       npm run broker -- sync --namespace NAMESPACE",
    "  stop it         npm run broker -- stop",
  ].join("\n");
}
