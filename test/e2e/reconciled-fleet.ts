// A fleet whose four kinds are objects in an embedded Kubernetes of its own, and reconcilers for it: for tests.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { ObservedObject } from "../../cli/reconcile/observed-objects.ts";
import { type KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";
import { loadConnection } from "../../kubernetes/kubeconfig.ts";
import { roleKubeconfig } from "../../kubernetes/role-kubeconfig.ts";
import { requestToken } from "../../kubernetes/service-account-token.ts";
import { admissionObjects } from "../../model/custom-resources/admission-policies.ts";
import { customResourceDefinitions, KIND_FACTS } from "../../model/custom-resources/definitions.ts";
import { API_VERSION, type Kind } from "../../model/names.ts";
import { RECONCILER } from "../../model/reconciler-rights.ts";
import { reset, start } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { CHECKOUT, STACK, TestProject } from "./test-project.ts";

export const RECONCILER_NAMESPACE = "edgeflock-system";

export type Document = { kind: Kind; metadata: { name: string } };

export class ReconciledFleet {
  readonly project: TestProject;
  /** Folder of its Kubernetes. */
  readonly cluster: string;
  readonly namespace: string;
  /** With the rights of the reconciler. */
  accountKubeconfig = "";
  readonly #running: RunningReconciler[] = [];

  private constructor(project: TestProject, cluster: string) {
    this.project = project;
    this.cluster = cluster;
    this.namespace = project.id;
  }

  /** @param config of the stack, besides what every such fleet has */
  static async create(config: Record<string, string> = {}): Promise<ReconciledFleet> {
    const parent = join(CHECKOUT, ".edgeflock", "test-clusters");
    await mkdir(parent, { recursive: true });
    const cluster = await mkdtemp(join(parent, "r-"));
    const { kubeconfig } = await start(cluster);
    const fleet = new ReconciledFleet(await TestProject.create(undefined, kubeconfig), cluster);
    for (const [key, value] of Object.entries({ ...config, "edgeflock:source": "cluster" })) {
      await fleet.project.mustPulumi("config", "set", key, value);
    }
    await fleet.#install();
    await fleet.#useAccount();
    return fleet;
  }

  get api(): KubernetesApi {
    return this.project.api;
  }

  /** The four kinds, and the namespace that holds the objects. */
  async #install(): Promise<void> {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: this.namespace } };
    for (const object of [namespace, ...customResourceDefinitions(), ...admissionObjects()]) {
      await this.api.apply(object as never, { fieldManager: "test" });
    }
    await this.until("the four kinds are served", async () => {
      for (const { plural } of Object.values(KIND_FACTS)) {
        await this.api.request("GET", `/apis/${API_VERSION}/${plural}`);
      }
      return true;
    });
  }

  /** From here on updates and reconcilers have the rights of the Deployment's account, and no others. */
  async #useAccount(): Promise<void> {
    await this.project.mustPulumi("config", "set", "edgeflock:kubeContext", "reconciler");
    await this.project.mustPulumi("config", "rm", "edgeflock:kubeconfig");
    const printed = await this.project.edgeflock(
      ...["reconcile", "deployment", "--stack", STACK, "--namespace", RECONCILER_NAMESPACE],
      ...["--fleet", this.namespace, "--backend", "s3://state"],
      ...["--image", `registry.example/fleet@sha256:${"0".repeat(64)}`],
    );
    if (printed.exitCode !== 0) throw new Error(printed.stderr);
    const applied = await this.#kubectl(["apply", "-f", "-", "--validate=strict"], printed.stdout);
    if (applied.exitCode !== 0) throw new Error(applied.stderr);
    const account = { namespace: RECONCILER_NAMESPACE, name: RECONCILER };
    await this.until("the account is there", async () => {
      return (
        (await this.api.getOrUndefined({ apiVersion: "v1", kind: "ServiceAccount", metadata: account })) !==
        undefined
      );
    });
    const { token } = await requestToken(this.api, account, 3 * 3600);
    // as in the Pod, whose token is a file that is renewed
    const tokenFile = join(this.project.folder, "reconciler.token");
    await writeFile(tokenFile, token, { mode: 0o600 });
    const connection = await loadConnection({ kubeconfig: this.project.kubeconfig });
    const text = roleKubeconfig(connection, {
      namespace: RECONCILER_NAMESPACE,
      account: RECONCILER,
      user: { tokenFile },
    });
    const file = join(this.project.folder, "reconciler.kubeconfig");
    await writeFile(file, text.replaceAll(`${RECONCILER_NAMESPACE}-${RECONCILER}`, "reconciler"), {
      mode: 0o600,
    });
    await this.project.mustPulumi("config", "set", "edgeflock:kubeconfig", file);
    this.accountKubeconfig = file;
  }

  /** `kubectl apply` of documents, in the fleet's namespace where they belong to one. */
  async apply(...documents: object[]): Promise<void> {
    const items = (documents as Document[]).map((document) =>
      document.kind === "DevicesCluster"
        ? document
        : { ...document, metadata: { ...document.metadata, namespace: this.namespace } },
    );
    const { exitCode, stderr } = await this.#kubectl(
      ["apply", "-f", "-"],
      JSON.stringify({ apiVersion: "v1", kind: "List", items }),
    );
    if (exitCode !== 0) throw new Error(`kubectl apply: ${stderr}`);
  }

  async kubectl(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#kubectl(["-n", this.namespace, ...args]);
    if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  #kubectl(args: string[], input?: string) {
    return execa("kubectl", ["--kubeconfig", this.project.kubeconfig, ...args], {
      env: this.project.environment,
      reject: false,
      ...(input === undefined ? { stdin: "ignore" as const } : { input }),
    });
  }

  async object(kind: Kind, name: string): Promise<ObservedObject> {
    const metadata = kind === "DevicesCluster" ? { name } : { name, namespace: this.namespace };
    return this.api.get<ObservedObject>({ apiVersion: API_VERSION, kind, metadata });
  }

  /** `True`, `False` or `Unknown` with its reason; undefined where the condition is not about what is wanted now. */
  async condition(kind: Kind, name: string, type: string): Promise<string | undefined> {
    const { metadata, status } = await this.object(kind, name);
    const found = status?.conditions?.find((condition) => condition.type === type);
    if (!found || found.observedGeneration !== metadata.generation) return undefined;
    return `${found.status} ${found.reason}`;
  }

  async ready(kind: Kind, name: string): Promise<void> {
    await this.until(`${kind} ${name} is Ready`, async () => {
      return (await this.condition(kind, name, "Ready")) === "True Done";
    });
  }

  /** How many updates there were so far. */
  async updates(): Promise<number> {
    const { stdout } = await this.project.mustPulumi("stack", "history", "--json", "--page-size", "1000");
    return (JSON.parse(stdout) as unknown[]).length;
  }

  /** Starts `edgeflock reconcile`; it ends with the fleet. */
  reconciler(...args: string[]): RunningReconciler {
    const command = this.project.startEdgeflock([
      ...["reconcile", "--lease-seconds", "3", "--quiet", "0.5", "--port", "0"],
      ...args,
    ]);
    const started = new RunningReconciler(command);
    this.#running.push(started);
    return started;
  }

  /** Asks again and again; a server that is away is asked again too. */
  async until(what: string, condition: () => Promise<boolean>, seconds = 120): Promise<void> {
    const end = Date.now() + seconds * 1000;
    let last: unknown;
    while (Date.now() < end) {
      try {
        if (await condition()) return;
        last = undefined;
      } catch (error) {
        last = error;
        if (!(error instanceof KubernetesError)) await this.project.reconnect().catch(() => {});
      }
      await sleep(200);
    }
    throw new Error(`not within ${seconds} s: ${what}${last instanceof Error ? ` (${last.message})` : ""}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.map((each) => each.end("SIGTERM")));
    await reset(this.cluster);
    await rm(this.cluster, { recursive: true, force: true });
    await rm(this.project.folder, { recursive: true, force: true });
  }
}

/** One replica, and what it says. */
export class RunningReconciler {
  readonly #command: ReturnType<TestProject["startEdgeflock"]>;
  /** All that it has said so far. */
  said = "";

  constructor(command: ReturnType<TestProject["startEdgeflock"]>) {
    this.#command = command;
    command.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said += text;
      if (process.env.EDGEFLOCK_DEBUG) process.stderr.write(text);
    });
  }

  get pid(): number {
    return this.#command.pid!;
  }

  get isRunning(): boolean {
    return this.#command.exitCode === null && this.#command.signalCode === null;
  }

  /** By the last that it said of it. */
  get leads(): boolean {
    return this.isRunning && this.said.lastIndexOf("Leads, as") > this.said.lastIndexOf("Leads no more");
  }

  /** Resolves when it has ended, however. */
  get ended(): Promise<unknown> {
    return this.#command;
  }

  /** Where it serves its metrics. */
  async url(): Promise<string> {
    for (;;) {
      const url = /Serves (\S+)\/metrics/.exec(this.said)?.[1];
      if (url !== undefined) return url;
      if (!this.isRunning) throw new Error(`the reconciler ended: ${this.said}`);
      await sleep(100);
    }
  }

  /** Resolves to the exit code; undefined for one that a signal ended. */
  async end(signal: NodeJS.Signals): Promise<number | undefined> {
    this.#command.kill(signal);
    return (await this.#command).exitCode;
  }
}
