// A Pulumi project for a benchmark: a folder inside the checkout, its own state, timed commands.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { toolEnvironment } from "../../toolchain/environment.ts";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

export class Project {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#env = env;
  }

  static async create(folder: string, kubeconfig: string, program: string): Promise<Project> {
    const stateFolder = join(folder, ".edgeflock");
    const env = await toolEnvironment({
      projectFolder: CHECKOUT,
      stateFolder,
      kubeconfig,
      ignoreUserBackend: true,
    });
    const project = new Project(folder, { ...env, PULUMI_STACK: "bench" });
    await project.write(
      "Pulumi.yaml",
      JSON.stringify({
        name: "bench",
        main: "index.ts",
        stackConfigDir: "stacks",
        runtime: { name: "nodejs", options: { typescript: false } },
      }),
    );
    await project.write("index.ts", program);
    await project.timed("stack", "init", "bench");
    await project.timed("config", "set", "edgeflock:kubeconfig", kubeconfig);
    await project.timed("config", "set", "edgeflock:kubeContext", await currentContext(kubeconfig));
    return project;
  }

  async write(file: string, text: string): Promise<void> {
    const path = join(this.#folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  /** Runs a pulumi command. @returns seconds of wall time @throws with its output where it fails */
  async timed(...args: string[]): Promise<number> {
    const start = performance.now();
    await execa("pulumi", [...args, "--non-interactive"], {
      cwd: this.#folder,
      env: this.#env,
      stdin: "ignore",
    });
    return (performance.now() - start) / 1000;
  }
}

async function currentContext(kubeconfig: string): Promise<string> {
  const { stdout } = await execa("kubectl", ["--kubeconfig", kubeconfig, "config", "current-context"]);
  return stdout.trim();
}
