// `edgeflock reconcile`: keeps a stack as the objects in its Kubernetes declare it, until it is told to end.
import { Command, InvalidArgumentError } from "commander";

export interface ReconcileCommandOptions {
  stack?: string;
  dryRun?: true;
  quiet: number;
  resync: number;
  leaseNamespace?: string;
  identity?: string;
  leaseSeconds: number;
  host: string;
  port: number;
}

export function command(): Command {
  return reconcileCommand().addCommand(imageCommand()).addCommand(deploymentCommand());
}

function imageCommand(): Command {
  return new Command("image")
    .description("Make the container image of this project's reconciler, for the Deployment.")
    .option("--base <image>", "image to start from (default: Debian), with what your builders need")
    .option("--tag <name>", "name to give it as well, such as registry.example/fleet")
    .option("--json", "print { image } as JSON")
    .addHelpText(
      "after",
      `
It holds the project as git would give it, its node_modules without devDependencies, this Node, and pulumi with the
plugins in use here. Prints its id; push it, and name it by the digest that the registry gives:

  npx edgeflock reconcile image --tag registry.example/fleet
  podman push registry.example/fleet`,
    )
    .action(async ({ json, ...options }: { base?: string; tag?: string; json?: true }) => {
      const { makeReconcilerImage } = await import("../reconcile/image/make-image.ts");
      const image = await makeReconcilerImage(options);
      console.log(json ? JSON.stringify({ image }) : image);
    });
}

interface DeploymentCommandOptions {
  stack?: string;
  image: string;
  projectPath: string;
  backend: string;
  namespace: string;
  fleet: string[];
  replicas: number;
  dryRun?: true;
  clusterRoles: boolean;
  brokerOperator?: true;
}

function deploymentCommand(): Command {
  return new Command("deployment")
    .description("Print the objects that run the reconciler in the cluster: for kubectl apply.")
    .requiredOption("--image <name@digest>", "the project's image, that `edgeflock reconcile image` makes")
    .requiredOption("--backend <url>", "where the stack's state is, such as s3://bucket")
    .requiredOption(
      "--fleet <cluster[=namespace]>",
      "DevicesCluster that it keeps, and its namespace where that is called otherwise; may be given several times",
      (name: string, names: string[]) => [...names, name],
      [],
    )
    .option("--stack <name>", "stack to keep up to date (default: PULUMI_STACK, else the only one)")
    .option("--namespace <name>", "where the reconciler itself runs", "edgeflock-system")
    .option("--project-path <folder>", "where the image has the project", "/project")
    .option("--replicas <number>", "one of them works, the others take over", replicas, 2)
    .option("--dry-run", "update nothing that no person has approved")
    .option("--broker-operator", "with the rights for brokers whose users RabbitMQ's topology operator makes")
    .option("--no-cluster-roles", "without the rights for fleets with access.createsClusters")
    .addHelpText(
      "after",
      `
Besides these objects the namespace needs a Secret "edgeflock-reconciler" with the key "passphrase", and where the
backend wants it a Secret "edgeflock-reconciler-backend" whose keys become environment variables.

  npx edgeflock reconcile deployment --fleet greenhouse --backend s3://fleet-state \\
    --image registry.example/fleet@sha256:… | kubectl apply -f -`,
    )
    .action(async (options: DeploymentCommandOptions) => {
      const { printDeployment } = await import("../reconcile/print-deployment.ts");
      const brokerOperator = options.brokerOperator === true;
      await printDeployment({ ...options, brokerOperator, createsClusters: options.clusterRoles });
    });
}

function replicas(text: string): number {
  if (!/^[1-9]$/.test(text)) throw new InvalidArgumentError("expected 1 to 9");
  return Number(text);
}

function reconcileCommand(): Command {
  return new Command("reconcile")
    .description(
      "Watch the four kinds in the cluster, update the stack whenever they change, and write what became of them into their status.",
    )
    .option("--stack <name>", "stack to keep up to date (default: PULUMI_STACK, else the selected one)")
    .option("--dry-run", "write what an update would do into the status, and wait until a person approves it")
    .option("--quiet <seconds>", "how long nothing may change before an update begins", seconds, 1)
    .option("--resync <seconds>", "how often to update though no object changed", seconds, 3600)
    .option(
      "--lease-namespace <name>",
      "namespace of the Lease by which replicas agree who works (default: POD_NAMESPACE, else the kube-context's)",
    )
    .option("--lease-seconds <seconds>", "how long the Lease of a replica that died holds", seconds, 15)
    .option("--port <number>", "port of /metrics, /healthz and /readyz; 0 takes any that is free", port, 9464)
    .option("--host <address>", "address that it listens on", "127.0.0.1")
    .option("--identity <name>", "name of this replica in the Lease (default: one of its own)")
    .addHelpText(
      "after",
      `
The stack's configuration must say "edgeflock:source: cluster". SIGTERM and Ctrl-C let what has begun end in order.

  npx edgeflock pulumi config set edgeflock:source cluster
  npx edgeflock reconcile --stack prod`,
    )
    .action(async (options: ReconcileCommandOptions) => {
      const { runReconciler } = await import("../reconcile/run-reconciler.ts");
      await runReconciler(options);
    });
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535) throw new InvalidArgumentError("expected 0 to 65535");
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 30 * 86_400))
    throw new InvalidArgumentError("expected seconds, such as 0.5 or 60");
  return value;
}
