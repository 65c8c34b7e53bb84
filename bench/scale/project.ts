// A Pulumi project for a benchmark: a folder inside the checkout, its own state, measured commands. Starts processes.
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { toolEnvironment } from "../../toolchain/environment.ts";
import { type MeasuredRun, measuredRun } from "./measured-run.ts";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));
const STACK = "bench";

export class Project {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #command: readonly [string, ...string[]];

  private constructor(folder: string, env: NodeJS.ProcessEnv, command: readonly [string, ...string[]]) {
    this.#folder = folder;
    this.#env = env;
    this.#command = command;
  }

  /**
   * @param command what runs pulumi: Edgeflock's own wrapper, or pulumi itself
   * @param variables environment variables besides
   */
  static async create(
    folder: string,
    kubeconfig: string,
    command: "edgeflock" | "pulumi",
    variables: Record<string, string> = {},
  ): Promise<Project> {
    const env = await toolEnvironment({
      projectFolder: CHECKOUT,
      stateFolder: join(folder, ".edgeflock"),
      kubeconfig,
      ignoreUserBackend: true,
    });
    const words =
      command === "pulumi"
        ? (["pulumi"] as const)
        : ([process.execPath, join(CHECKOUT, "bin", "edgeflock.mjs"), "pulumi"] as const);
    const project = new Project(folder, { ...env, PULUMI_STACK: STACK, ...variables }, words);
    await project.write(
      "Pulumi.yaml",
      JSON.stringify({
        name: "bench",
        main: "index.ts",
        stackConfigDir: "stacks",
        runtime: { name: "nodejs", options: { typescript: false } },
      }),
    );
    await project.#quiet("stack", "init", STACK);
    await project.#quiet("config", "set", "edgeflock:kubeconfig", kubeconfig);
    await project.#quiet("config", "set", "edgeflock:kubeContext", await currentContext(kubeconfig));
    return project;
  }

  async write(file: string, text: string): Promise<void> {
    const path = join(this.#folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  async setConfig(key: string, value: string): Promise<void> {
    await this.#quiet("config", "set", key, value);
  }

  /** Starts another command of Edgeflock's in the project, and gives back the running process. */
  startEdgeflock(...args: string[]) {
    return execa(process.execPath, [join(CHECKOUT, "bin", "edgeflock.mjs"), ...args], {
      cwd: this.#folder,
      env: this.#env,
      reject: false,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "inherit",
    });
  }

  /** `pulumi config set --secret`, the value by standard input. */
  async setSecret(key: string, value: string): Promise<void> {
    await execa("pulumi", ["config", "set", "--secret", key], {
      cwd: this.#folder,
      env: this.#env,
      input: value,
    });
  }

  /** Runs a pulumi command. @throws with its output where it fails */
  async measured(...args: string[]): Promise<MeasuredRun> {
    return measuredRun([...this.#command, ...args, "--non-interactive"], {
      cwd: this.#folder,
      env: this.#env,
    });
  }

  /** Bytes of the state as it is stored. */
  async stateBytes(): Promise<number> {
    const folder = join(this.#folder, ".edgeflock", "state", ".pulumi", "stacks", "bench");
    for (const name of await readdir(folder)) {
      if (name.startsWith(`${STACK}.json`) && !name.includes(".bak"))
        return (await stat(join(folder, name))).size;
    }
    throw new Error(`there is no state in ${folder}`);
  }

  async #quiet(...args: string[]): Promise<void> {
    await execa("pulumi", [...args, "--non-interactive"], {
      cwd: this.#folder,
      env: this.#env,
      stdin: "ignore",
    });
  }
}

async function currentContext(kubeconfig: string): Promise<string> {
  const { stdout } = await execa("kubectl", ["--kubeconfig", kubeconfig, "config", "current-context"]);
  return stdout.trim();
}
