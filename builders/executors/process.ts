// Runs builders as processes of this machine, in a process group and an environment of their own.
// Starts and ends processes; writes a log into the cache folder.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { VisibleError } from "../../model/visible-error.ts";
import { explainDiskError } from "../../toolchain/cache-entry.ts";
import { type ProgressStep, quiet } from "../../toolchain/progress.ts";
import type { BuildControl, Executor, ExecutorJob } from "../contract.ts";
import { BuildLog } from "./build-log.ts";
import { checkOutput } from "./check-output.ts";
import { Masking } from "./masking.ts";
import { OutputLines } from "./output-lines.ts";
import { endStragglers, MARK_VARIABLE } from "./stragglers.ts";

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

export interface ProcessExecutorOptions {
  /** Default: in the cache folder. */
  logFolder?: string;
  /** Milliseconds between the request to end and the end by force. Default 5000. */
  grace?: number;
}

type Outcome = "exited" | "timed out" | "cancelled";

export class ProcessExecutor implements Executor {
  readonly kind = "process";
  readonly #logFolder: string | undefined;
  readonly #grace: number;

  constructor(options: ProcessExecutorOptions = {}) {
    this.#logFolder = options.logFolder;
    this.#grace = options.grace ?? 5000;
  }

  async run(job: ExecutorJob, control: BuildControl): Promise<void> {
    const progress = control.progress ?? quiet;
    await progress.step(`Running ${job.name}`, (step) => this.#run(job, step, control.signal));
    await job.work.checkBoundaries();
    await checkOutput(job.work.output);
  }

  async #run(job: ExecutorJob, step: ProgressStep, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) throw cancelled(job);
    const log = await BuildLog.open(job.name, this.#logFolder);
    try {
      const child = await start(job);
      const reading = read(child, job, log, step);
      const outcome = await this.#wait(child, reading, job.timeLimit, signal);
      await endStragglers(job.work.mark);
      await drain(child, reading);
      judge(job, child, outcome, log);
    } catch (error) {
      throw await explainDiskError(error, job.work.path);
    } finally {
      await log.close();
    }
  }

  /** Waits for the builder's end, or brings it about. Nothing of its group runs afterwards. */
  async #wait(
    child: ChildProcess,
    reading: Promise<void>,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<Outcome> {
    const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
    const over = new AbortController();
    try {
      const outcome = await Promise.race([
        Promise.resolve(exited).then((): Outcome => "exited"),
        sleep(limit, "timed out" as const, { signal: over.signal }).catch((): Outcome => "timed out"),
        aborted(signal, over.signal),
        // output that cannot be kept (a full disk) ends the build
        reading.then(() => new Promise<never>(() => {})),
      ]);
      if (outcome !== "exited") {
        signalGroup(child, "SIGTERM");
        await Promise.race([exited, sleep(this.#grace, undefined, { signal: over.signal }).catch(() => {})]);
      }
      return outcome;
    } finally {
      over.abort();
      signalGroup(child, "SIGKILL");
      await exited;
    }
  }
}

async function start(job: ExecutorJob): Promise<ChildProcess> {
  const [program, ...args] = job.command;
  const child = spawn(program, args, {
    cwd: job.work.path,
    env: environmentOf(job),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  try {
    await once(child, "spawn");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      { ENOENT: "was not found", EACCES: "is not executable" }[code ?? ""] ?? `cannot start (${code})`;
    throw new VisibleError(`${job.name}: its command "${program}" ${why}`, {
      hint: "install it, or correct the builder's command in the class's manifest",
      cause: error,
    });
  }
  return child;
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

async function read(child: ChildProcess, job: ExecutorJob, log: BuildLog, step: ProgressStep): Promise<void> {
  const masking = new Masking(job.masked);
  const readStream = async (stream: NodeJS.ReadableStream): Promise<void> => {
    const lines = new OutputLines(masking);
    const take = async (ready: string[]): Promise<void> => {
      const last = ready.at(-1);
      if (last) step.note(last);
      await log.write(ready);
    };
    for await (const chunk of stream) await take(lines.push(chunk as Buffer));
    await take(lines.end());
  };
  await Promise.all([readStream(child.stdout!), readStream(child.stderr!)]);
}

/** Takes what is left in the pipes; does not wait for ever for one that somebody unknown holds open. */
async function drain(child: ChildProcess, reading: Promise<void>): Promise<void> {
  const patience = new AbortController();
  const late = sleep(2000, "late" as const, { signal: patience.signal }).catch(() => "late" as const);
  const result = await Promise.race([reading, late]);
  patience.abort();
  if (result !== "late") return;
  child.stdout?.destroy();
  child.stderr?.destroy();
  await reading.catch(() => {});
}

function judge(job: ExecutorJob, child: ChildProcess, outcome: Outcome, log: BuildLog): void {
  const said = log.lastLines();
  const where = `\nThe whole log: ${log.path}`;
  if (outcome === "cancelled") throw cancelled(job);
  if (outcome === "timed out") {
    throw new VisibleError(
      `${job.name} did not end within ${seconds(job.timeLimit)} and was stopped.${said}${where}`,
      {
        hint: "the last lines say what it was doing",
      },
    );
  }
  if (child.exitCode === 0) return;
  const how = child.signalCode
    ? `was ended by ${child.signalCode}`
    : `failed with exit code ${child.exitCode}`;
  const hints: [RegExp, string][] = [
    [
      /no space left on device|disk quota exceeded/i,
      "make room on the disk, or set EDGEFLOCK_CACHE to a larger one",
    ],
    [/command not found|: not found/i, "a program that the builder calls is missing: install it"],
  ];
  const hint = hints.find(([pattern]) => pattern.test(said))?.[1];
  const message = `${job.name} ${how}.${said}${where}`;
  throw new VisibleError(message, {
    hint:
      hint ??
      (child.signalCode === "SIGKILL"
        ? "perhaps the machine ran out of memory"
        : "correct what the last lines name"),
  });
}

function cancelled(job: ExecutorJob): VisibleError {
  return new VisibleError(`${job.name} was stopped before it was done.`, {
    hint: "nothing was kept of it; run the command again",
    exitCode: 130,
  });
}

function aborted(signal: AbortSignal | undefined, over: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    signal?.addEventListener("abort", () => resolve("cancelled"), { signal: over, once: true });
    if (signal?.aborted) resolve("cancelled");
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, signal);
  } catch {
    // the group is empty
  }
}

function seconds(milliseconds: number): string {
  return milliseconds < 60_000 ? `${milliseconds / 1000} s` : `${Math.round(milliseconds / 60_000)} min`;
}
