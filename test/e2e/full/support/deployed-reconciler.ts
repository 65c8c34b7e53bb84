// A project of somebody else's whose reconciler runs in a pod of a test's node: its state in an S3 of its own, its image
// made by `edgeflock reconcile image`, its objects by `edgeflock reconcile deployment`.
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { parseAllDocuments, stringify } from "yaml";
import { admissionObjects } from "../../../../model/custom-resources/admission-policies.ts";
import { customResourceDefinitions } from "../../../../model/custom-resources/definitions.ts";
import { RECONCILER } from "../../../../model/reconciler-rights.ts";
import { loadImage } from "../../../../toolchain/embedded-kubernetes/node/images.ts";
import { toolEnvironment } from "../../../../toolchain/environment.ts";
import { installEdgeflock } from "../../installed-project.ts";
import { CHECKOUT } from "../../test-project.ts";
import { type Base, baseEngine, debianBase, removeImages } from "./debian-base.ts";
import type { TestNode } from "./node.ts";
import { freePort, type S3Server, startS3 } from "./servers.ts";

export const SYSTEM = "edgeflock-system";
const BUCKET = "fleet-state";
const CONTEXT = "in-cluster";

export interface DeployedOptions {
  /** Of the project, by path. */
  files: Record<string, string | Uint8Array>;
  config: Record<string, string>;
  secretConfig: Record<string, string>;
}

export class DeployedReconciler implements AsyncDisposable {
  readonly node: TestNode;
  readonly folder: string;
  readonly s3: S3Server;
  readonly passphrase = randomBytes(12).toString("hex");
  readonly #env: NodeJS.ProcessEnv;
  #base: Base | undefined;
  #image = "";

  private constructor(node: TestNode, folder: string, s3: S3Server, env: NodeJS.ProcessEnv) {
    this.node = node;
    this.folder = folder;
    this.s3 = s3;
    this.#env = env;
  }

  static async create(node: TestNode, options: DeployedOptions): Promise<DeployedReconciler> {
    const folder = await mkdtemp(join(tmpdir(), "edgeflock-project-"));
    const env = await toolEnvironment({
      projectFolder: CHECKOUT,
      stateFolder: join(folder, ".edgeflock"),
      kubeconfig: node.kubeconfig,
      ignoreUserBackend: true,
    });
    const deployed = new DeployedReconciler(node, folder, await startS3([BUCKET]), env);
    await deployed.#layOut(options);
    return deployed;
  }

  get backend(): string {
    return `s3://${BUCKET}?endpoint=${this.s3.endpoint}&use_path_style=true&region=us-east-1&disable_https=true`;
  }

  get #credentials(): Record<string, string> {
    const { accessKeyId, secretAccessKey } = this.s3;
    return {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: "us-east-1",
    };
  }

  async #layOut({ files, config, secretConfig }: DeployedOptions): Promise<void> {
    const runtime = { name: "nodejs", options: { typescript: false } };
    const pulumi = { name: "theirs", main: "index.ts", stackConfigDir: "stacks", runtime };
    const own = { "Pulumi.yaml": JSON.stringify(pulumi), "index.ts": 'export * from "edgeflock/program";\n' };
    for (const [path, content] of Object.entries({ ...own, ...files })) {
      await mkdir(dirname(join(this.folder, path)), { recursive: true });
      await writeFile(join(this.folder, path), content);
    }
    await mkdir(join(this.folder, "stacks"), { recursive: true });
    await installEdgeflock(this.folder, this.#env);
    await this.run("pulumi", "stack", "init", "prod", "--non-interactive");
    const all = { "edgeflock:source": "cluster", "edgeflock:kubeContext": CONTEXT, ...config };
    for (const [key, value] of Object.entries(all)) await this.run("pulumi", "config", "set", key, value);
    for (const [key, value] of Object.entries(secretConfig)) {
      await this.run("pulumi", "config", "set", "--secret", key, value);
    }
  }

  /** In the project's folder, as a person who has the backend's credentials and the passphrase. */
  async run(command: string, ...args: string[]): Promise<string> {
    const { PULUMI_CONFIG_PASSPHRASE_FILE: _, ...env } = this.#env;
    const own = {
      ...this.#credentials,
      PULUMI_BACKEND_URL: this.backend,
      PULUMI_CONFIG_PASSPHRASE: this.passphrase,
      PULUMI_STACK: "prod",
    };
    const options = { cwd: this.folder, env: { ...env, ...own }, extendEnv: false, stdin: "ignore" } as const;
    const { stdout } = await execa(command, args, options);
    return stdout;
  }

  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const words = ["--kubeconfig", this.node.kubeconfig, ...args];
    const given = input === undefined ? { stdin: "ignore" as const } : { input };
    const { stdout } = await execa("kubectl", words, { env: this.#env, ...given });
    return stdout;
  }

  apply(...objects: object[]): Promise<string> {
    return this.kubectl(
      ["apply", "-f", "-"],
      JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
    );
  }

  /** Definitions, image and Deployment, as docs/reconciler.md says. */
  async deploy(fleet: string): Promise<void> {
    for (const object of customResourceDefinitions()) await this.apply(object);
    await this.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    await this.apply(...admissionObjects());
    await this.kubectl(["create", "namespace", fleet]);
    const base = await debianBase(["ca-certificates", "libstdc++6"]);
    this.#base = base;
    const made = await this.run("npx", "edgeflock", "reconcile", "image", "--base", base.image, "--json");
    this.#image = (JSON.parse(made) as { image: string }).image;
    const image = await loadImage(this.node.target, baseEngine!, this.#image);
    const printed = await this.run(
      ...(["npx", "edgeflock", "reconcile", "deployment", "--fleet", fleet] as const),
      // where pods share a node's network, a second replica could not listen at the same port
      ...["--image", image, "--backend", this.backend, "--replicas", "1"],
    );
    await this.kubectl(["apply", "-f", "-"], await this.#fitted(printed));
    const create = ["-n", SYSTEM, "create", "secret", "generic"];
    const literals = (values: Record<string, string>) =>
      Object.entries(values).map(([key, value]) => `--from-literal=${key}=${value}`);
    await this.kubectl([...create, RECONCILER, ...literals({ passphrase: this.passphrase })]);
    await this.kubectl([...create, `${RECONCILER}-backend`, ...literals(this.#credentials)]);
  }

  /**
   * The test's node has no network of pods: no Service of the API server, no port of its own. What a person would change
   * by a kustomization for such a node, and nothing else.
   */
  async #fitted(printed: string): Promise<string> {
    const port = await freePort();
    const objects = parseAllDocuments(printed).map((document) => document.toJS());
    for (const object of objects) {
      if (object.kind === "ConfigMap") {
        const { server } = this.node.api;
        object.data.kubeconfig = object.data.kubeconfig.replace("https://kubernetes.default.svc", server);
      }
      if (object.kind !== "Deployment") continue;
      const pod = object.spec.template.spec;
      pod.hostNetwork = true;
      const [container] = pod.containers;
      // the machine's own addresses are open to others, and its ports may be taken
      container.args.push("--host", "127.0.0.1", "--port", String(port));
      container.ports[0].containerPort = port;
      for (const probe of [container.livenessProbe, container.readinessProbe]) {
        Object.assign(probe.httpGet, { host: "127.0.0.1", port });
      }
    }
    return objects.map((object) => stringify(object)).join("---\n");
  }

  async pod(): Promise<string> {
    const words = ["-n", SYSTEM, "get", "pods", "-l", `app.kubernetes.io/name=${RECONCILER}`];
    const names = await this.kubectl([...words, "-o", "jsonpath={.items[*].metadata.name}"]);
    return names.trim();
  }

  /** What a pod has said, or says until it ends. */
  logs(pod: string, ...options: string[]): Promise<string> {
    return this.kubectl(["-n", SYSTEM, "logs", pod, ...options]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.s3[Symbol.asyncDispose]();
    if (this.#image !== "") removeImages([this.#image]);
    await this.#base?.[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}
