// Runs builders in containers of podman or docker: nothing of this machine but the work folder is in them, no
// network unless the class allows it, and limits of memory, processors and processes.
// Starts and removes containers; writes a log into the cache folder.
import type { ChildProcess } from "node:child_process";
import { IMAGE_BY_DIGEST } from "../../model/image-reference.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { type ContainerEngine, findContainerEngine } from "../../toolchain/container-engine.ts";
import { tryCommand } from "../../toolchain/run-command.ts";
import type { BuildControl, ContainerRequest, Executor, ExecutorJob } from "../contract.ts";
import { fateOf } from "../process-identity.ts";
import { checkOutput } from "./check-output.ts";
import { MARK_VARIABLE } from "./stragglers.ts";
import { type Launch, type SupervisionOptions, supervise } from "./supervision.ts";

/** Where the work folder is in a container; it is also the working directory. */
const WORK = "/work";
const LABEL = "io.edgeflock.build";
const NAME = "edgeflock-";

/** Enough for a compiler, and no more than a person's machine can spare. */
export const DEFAULT_LIMITS = { memory: "4g", cpus: 2, processes: 1024 } as const;

export class ContainerExecutor implements Executor {
  readonly kind = "container";
  readonly #options: SupervisionOptions;
  #swept: Promise<void> | undefined;

  constructor(options: SupervisionOptions = {}) {
    this.#options = options;
  }

  async run(job: ExecutorJob, control: BuildControl): Promise<void> {
    const { container } = job;
    if (!container) throw new VisibleError(`${job.name} is to run in a container, but no image is named`);
    if (!IMAGE_BY_DIGEST.test(container.image)) {
      throw new VisibleError(
        `${job.name}: the image ${JSON.stringify(container.image)} is not named by its digest`,
        {
          hint: 'name it as "name@sha256:…", or by its id, "sha256:…": what a tag stands for can change',
        },
      );
    }
    const engine = await findContainerEngine();
    if (!engine.limits) warnOfLimits(control);
    this.#swept ??= sweepContainers(engine);
    await this.#swept;
    const launch = launchOf(job, container, engine);
    try {
      await supervise(job, launch, control, this.#options);
    } finally {
      await remove(engine, job.work.mark);
    }
    await job.work.checkBoundaries();
    await checkOutput(job.work.output);
  }
}

let warned = false;

function warnOfLimits({ progress }: BuildControl): void {
  if (warned || !progress) return;
  warned = true;
  progress.say(
    "podman without root does not limit the memory, processors and processes of builders on this machine: its cgroups are of version 1.",
  );
}

function launchOf(job: ExecutorJob, container: ContainerRequest, engine: ContainerEngine): Launch {
  const name = containerName(job.work.mark);
  // the engine itself gets this user's environment, the container nothing of it
  return {
    command: [engine.command, ...runArguments(job, container, engine)],
    environment: process.env,
    ask: () => void tryCommand([engine.command, "kill", "--signal", "TERM", name]).catch(() => {}),
    end: async (child: ChildProcess) => {
      if (child.exitCode === null && child.signalCode === null) {
        await tryCommand([engine.command, "kill", "--signal", "KILL", name]);
        // where the container never came to be, its engine still waits for something
        setTimeout(() => child.kill("SIGKILL"), 5000).unref();
      }
    },
    explain: async (child) => await explainExit(child, container, engine, name),
  };
}

/** Exported for tests. @returns the words after `podman` */
export function runArguments(
  job: ExecutorJob,
  container: ContainerRequest,
  engine: Pick<ContainerEngine, "kind" | "user">,
): string[] {
  const {
    memory = DEFAULT_LIMITS.memory,
    cpus = DEFAULT_LIMITS.cpus,
    processes = DEFAULT_LIMITS.processes,
  } = container;
  const [entrypoint, ...words] = job.command;
  const environment = {
    HOME: `${WORK}/tmp`,
    TMPDIR: `${WORK}/tmp`,
    SOURCE_DATE_EPOCH: "0",
    ...job.environment,
    // by it the processes are found should this one be killed: see stragglers.ts
    [MARK_VARIABLE]: job.work.mark,
  };
  return [
    ...["run", "--name", containerName(job.work.mark), "--label", `${LABEL}=${job.work.mark}`],
    // an id names an image of this machine; nobody has to be asked for it
    ...["--pull", container.image.startsWith("sha256:") ? "never" : "missing"],
    ...(container.network === true ? [] : ["--network", "none"]),
    ...["--read-only", "--tmpfs", "/tmp:rw,mode=1777", "--user", engine.user],
    ...["--cap-drop", "all", "--security-opt", "no-new-privileges"],
    // on machines with SELinux, the work folder would else have to be labelled anew
    ...(engine.kind === "podman" ? ["--security-opt", "label=disable"] : []),
    ...["--memory", memory, "--memory-swap", memory, "--cpus", `${cpus}`],
    ...["--pids-limit", `${processes}`, "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"],
    // what the builder says is masked before it is written anywhere: the engine must not keep a copy
    ...["--log-driver", "none"],
    ...["--volume", `${job.work.path}/input:${WORK}/input:ro`],
    ...["--volume", `${job.work.output}:${WORK}/output:rw`],
    ...["--volume", `${job.work.temporary}:${WORK}/tmp:rw`, "--workdir", WORK],
    ...Object.entries(environment).flatMap(([key, value]) => ["--env", `${key}=${value}`]),
    ...(entrypoint === undefined ? [] : ["--entrypoint", entrypoint]),
    ...[container.image, ...words],
  ];
}

async function explainExit(
  child: ChildProcess,
  container: ContainerRequest,
  engine: ContainerEngine,
  name: string,
): Promise<{ how: string; hint: string } | undefined> {
  if (child.exitCode === 125) {
    const hint = container.image.startsWith("sha256:")
      ? `is the image on this machine? "${engine.kind} images --no-trunc --quiet" lists ids`
      : "see what the engine said; can the image's registry be reached?";
    return { how: "could not be started in its container", hint };
  }
  if (child.exitCode === 126 || child.exitCode === 127) {
    return {
      how: "names a command that its image does not have",
      hint: "correct the command, or leave it out: the image's own entry point is run then",
    };
  }
  const format = "{{.State.OOMKilled}}";
  const { stdout } = await tryCommand([engine.command, "inspect", "--format", format, name]);
  if (stdout.trim() !== "true" && child.exitCode !== 137) return undefined;
  const memory = container.memory ?? DEFAULT_LIMITS.memory;
  return {
    how: "was ended by force",
    hint: `probably it needed more memory than ${memory}: raise spec.firmware.container.memory`,
  };
}

/** Removes what runs that were killed left behind. */
async function sweepContainers(engine: ContainerEngine): Promise<void> {
  const words = ["ps", "--all", "--filter", `label=${LABEL}`, "--format", "{{.Names}}"];
  const { stdout } = await tryCommand([engine.command, ...words], { timeout: 60_000 });
  const marks = stdout.split("\n").map((name) => name.trim().slice(NAME.length));
  for (const mark of marks.filter((one) => fateOf(one) === "gone")) await remove(engine, mark);
}

async function remove(engine: ContainerEngine, mark: string): Promise<void> {
  await tryCommand([engine.command, "rm", "--force", "--volumes", containerName(mark)], { timeout: 60_000 });
}

function containerName(mark: string): string {
  return `${NAME}${mark}`;
}
