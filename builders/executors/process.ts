// Runs builders as processes of this machine, in a process group and an environment of their own.
// Starts and ends processes; writes a log into the cache folder.
import type { ChildProcess } from "node:child_process";
import { VisibleError } from "../../model/visible-error.ts";
import type { BuildControl, Executor, ExecutorJob } from "../contract.ts";
import { checkOutput } from "./check-output.ts";
import { MARK_VARIABLE } from "./stragglers.ts";
import { type SupervisionOptions, supervise } from "./supervision.ts";

/** Variables that builders inherit. Above all not PULUMI_CONFIG, which holds secrets in the clear. */
const INHERITED = [
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TZ",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
];

export class ProcessExecutor implements Executor {
  readonly kind = "process";
  readonly #options: SupervisionOptions;

  constructor(options: SupervisionOptions = {}) {
    this.#options = options;
  }

  async run(job: ExecutorJob, control: BuildControl): Promise<void> {
    if (job.command.length === 0) throw new VisibleError(`${job.name} has no command to run on this machine`);
    const launch = {
      command: job.command,
      environment: environmentOf(job),
      ask: (child: ChildProcess) => signalGroup(child, "SIGTERM"),
      end: async (child: ChildProcess) => signalGroup(child, "SIGKILL"),
    };
    await supervise(job, launch, control, this.#options);
    await job.work.checkBoundaries();
    await checkOutput(job.work.output);
  }
}

function environmentOf(job: ExecutorJob): NodeJS.ProcessEnv {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(inherited),
    TMPDIR: job.work.temporary,
    // a fixed date for tools that put one into their results: https://reproducible-builds.org/specs/source-date-epoch/
    SOURCE_DATE_EPOCH: "0",
    ...job.environment,
    [MARK_VARIABLE]: job.work.mark,
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, signal);
  } catch {
    // the group is empty
  }
}
