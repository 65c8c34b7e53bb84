// A Pulumi project of its own for a test: inside the checkout's ignored .edgeflock/, so that Node finds `edgeflock`
// and `@pulumi/pulumi` as it does for any project; with its own state, and the test cluster as its Kubernetes.

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { inject } from "vitest";
import { connect, type KubernetesApi } from "../../kubernetes/api.ts";
import { toolEnvironment } from "../../toolchain/environment.ts";

export const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));
export const STACK = "test";

/** One step of `pulumi preview --json`. */
export interface PreviewStep {
  op: string;
  urn: string;
  diffReasons?: string[];
  oldState?: { inputs?: Record<string, unknown>; outputs?: Record<string, unknown> };
  newState?: { inputs?: Record<string, unknown>; outputs?: Record<string, unknown> };
}

export interface Ran {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

export class TestProject {
  readonly folder: string;
  api: KubernetesApi;
  /** Unique in the cluster, a DNS label. */
  readonly id: string;
  /** Variables for the program, as a person would export them. */
  readonly variables: Record<string, string> = {};
  readonly #env: NodeJS.ProcessEnv;
  readonly #kubeconfig: string;

  private constructor(
    id: string,
    folder: string,
    api: KubernetesApi,
    env: NodeJS.ProcessEnv,
    kubeconfig: string,
  ) {
    this.id = id;
    this.folder = folder;
    this.api = api;
    this.#env = env;
    this.#kubeconfig = kubeconfig;
  }

  /** @param program `index.ts`; by default the program that loads stacks/<stack>/*.yaml */
  static async create(
    program = 'export * from "edgeflock/program";\n',
    kubeconfig: string = inject("kubeconfig"),
    variables: Record<string, string> = {},
  ): Promise<TestProject> {
    const id = `t${randomBytes(4).toString("hex")}`;
    const folder = join(CHECKOUT, ".edgeflock", "test-projects", id);
    await mkdir(join(folder, "stacks", STACK), { recursive: true });
    const env = await toolEnvironment({
      projectFolder: CHECKOUT,
      stateFolder: join(folder, ".edgeflock"),
      kubeconfig,
      ignoreUserBackend: true,
    });
    const project = new TestProject(id, folder, await connect({ kubeconfig }), env, kubeconfig);
    Object.assign(project.variables, variables);
    const runtime = { name: "nodejs", options: { typescript: false } };
    await project.write(
      "Pulumi.yaml",
      JSON.stringify({ name: `project-${id}`, main: "index.ts", stackConfigDir: "stacks", runtime }),
    );
    await project.write("index.ts", program);
    await project.mustPulumi("stack", "init", STACK);
    await project.mustPulumi(
      ...["config", "set-all", "--plaintext", `edgeflock:kubeconfig=${kubeconfig}`],
      ...["--plaintext", `edgeflock:kubeContext=${project.api.contextName}`],
    );
    return project;
  }

  /** Where the API server came up again on another port. */
  async reconnect(): Promise<void> {
    this.api = await connect({ kubeconfig: this.#kubeconfig });
  }

  async write(file: string, text: string | Uint8Array): Promise<void> {
    const path = join(this.folder, file);
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, text);
  }

  get kubeconfig(): string {
    return this.#kubeconfig;
  }

  /** PATH with the tools, as a person has it. */
  get environment(): NodeJS.ProcessEnv {
    return this.#env;
  }

  /** Writes manifests, given as objects, to one file of the stack. */
  async manifests(documents: object[], file = "fleet.yaml"): Promise<void> {
    const text = documents.map((document) => JSON.stringify(document, null, 2)).join("\n---\n");
    await this.write(join("stacks", STACK, file), text);
  }

  /** Starts a pulumi command and gives back the running process. */
  start(...args: string[]) {
    return execa("pulumi", [...args, "--non-interactive"], {
      cwd: this.folder,
      env: { ...this.#env, PULUMI_STACK: STACK, ...this.variables },
      reject: false,
      stdin: "ignore",
    });
  }

  /** Starts the command `edgeflock` in the project's folder, as a person would, in a process group of its own. */
  startEdgeflock(args: string[], variables: Record<string, string> = {}) {
    return execa(process.execPath, [join(CHECKOUT, "bin", "edgeflock.mjs"), ...args], {
      cwd: this.folder,
      env: { PULUMI_STACK: STACK, KUBECONFIG: this.#kubeconfig, ...this.variables, ...variables },
      reject: false,
      stdin: "ignore",
      detached: true,
    });
  }

  async edgeflock(...args: string[]): Promise<Ran> {
    const { exitCode, stdout, stderr } = await this.startEdgeflock(args);
    return { exitCode, stdout, stderr };
  }

  async pulumi(...args: string[]): Promise<Ran> {
    const { exitCode, stdout, stderr } = await this.start(...args);
    return { exitCode, stdout, stderr };
  }

  async mustPulumi(...args: string[]): Promise<Ran> {
    const ran = await this.pulumi(...args);
    if (ran.exitCode !== 0)
      throw new Error(
        `pulumi ${args.join(" ")}: exit ${ran.exitCode}\n${tail(ran.stdout)}\n${tail(ran.stderr)}`,
      );
    return ran;
  }

  /** Runs `up` and returns how many resources changed, by operation. */
  async up(...args: string[]): Promise<Record<string, number>> {
    await this.mustPulumi("up", "--yes", "--skip-preview", "--suppress-outputs", ...args);
    const { same: _, ...changes } = await this.#lastChanges();
    return changes;
  }

  /** What `pulumi stack history` shows of the last update; read where it is kept, which is quicker than asking pulumi. */
  async #lastChanges(): Promise<Record<string, number>> {
    const history = join(this.folder, ".edgeflock/state/.pulumi/history", `project-${this.id}`, STACK);
    if (!existsSync(history)) {
      // the state is not in this folder
      const { stdout } = await this.mustPulumi(
        "stack",
        "history",
        "--json",
        "--page-size",
        "1",
        "--page",
        "1",
      );
      return JSON.parse(stdout)[0].resourceChanges;
    }
    const updates = (await readdir(history)).filter((name) => name.endsWith(".history.json")).sort();
    const last = JSON.parse(await readFile(join(history, updates.at(-1)!), "utf8"));
    return last.resourceChanges as Record<string, number>;
  }

  async previewRaw(...args: string[]): Promise<Ran> {
    return this.pulumi("preview", ...args);
  }

  /** The steps of a preview that change something. */
  async preview(): Promise<PreviewStep[]> {
    const { stdout } = await this.mustPulumi("preview", "--json");
    const { steps } = JSON.parse(stdout) as { steps: PreviewStep[] };
    return steps.filter((step) => step.op !== "same" && step.op !== "read");
  }

  async output<T>(name: string): Promise<T> {
    return JSON.parse((await this.mustPulumi("stack", "output", name, "--json")).stdout) as T;
  }

  /** The stack's state as the backend keeps it: secrets encrypted. */
  async state(): Promise<string> {
    return (await this.mustPulumi("stack", "export")).stdout;
  }

  async secret(namespace: string, name: string): Promise<Record<string, Buffer> | undefined> {
    const address = { apiVersion: "v1", kind: "Secret", metadata: { namespace, name } };
    const object = await this.api.getOrUndefined<{ data?: Record<string, string> }>(address);
    if (!object) return undefined;
    return Object.fromEntries(
      Object.entries(object.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64")]),
    );
  }

  async kubectl(...args: string[]): Promise<Ran> {
    const { exitCode, stdout, stderr } = await execa("kubectl", ["--kubeconfig", this.#kubeconfig, ...args], {
      env: this.#env,
      reject: false,
    });
    return { exitCode, stdout, stderr };
  }

  /** Destroys what the stack made, and the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.pulumi("cancel", "--yes");
    await this.pulumi("state", "unprotect", "--all", "--yes");
    const destroyed = await this.pulumi("destroy", "--yes", "--skip-preview");
    if (destroyed.exitCode !== 0) throw new Error(`destroy: ${destroyed.stdout}\n${destroyed.stderr}`);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The end of an output: its beginning is rarely why a command failed. */
function tail(text: string): string {
  return text.length > 4000 ? `…${text.slice(-4000)}` : text;
}
