// One run of a builder's program, whoever started it: reads what it says, ends it at its time limit, at Ctrl-C and
// when the disk runs full, and says how it ended. Starts one process; writes a log into the cache folder.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { statfs } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { VisibleError } from "../../model/visible-error.ts";
import { explainDiskError } from "../../toolchain/cache-entry.ts";
import { type ProgressStep, quiet } from "../../toolchain/progress.ts";
import type { BuildControl, ExecutorJob } from "../contract.ts";
import { BuildLog } from "./build-log.ts";
import { Masking } from "./masking.ts";
import { OutputLines } from "./output-lines.ts";
import { endStragglers } from "./stragglers.ts";

/** The process that stands for a builder, and how the builder itself is ended. */
export interface Launch {
  command: string[];
  environment: NodeJS.ProcessEnv;
  /** Asks the builder to end; whoever asks waits for a while. */
  ask(child: ChildProcess): void;
  /** Ends what is left of it. When this resolves, nothing of it runs. */
  end(child: ChildProcess): Promise<void>;
  /** What an exit code means, where it is not the builder's own. */
  explain?(child: ChildProcess): Promise<{ how: string; hint: string } | undefined>;
}

export interface SupervisionOptions {
  /** Default: in the cache folder. */
  logFolder?: string;
  /** Milliseconds between the request to end and the end by force. Default 5000. */
  grace?: number;
  /** Bytes of the disk that a builder must leave free. Default 64 MiB. */
  leaveFree?: number;
}

const GRACE = 5000;
const LEAVE_FREE = 64 * 2 ** 20;
const LOOK_AT_DISK = 500;

type Outcome = "exited" | "timed out" | "cancelled" | "disk full";

/**
 * Runs a builder to its end. Resolves when it ended with exit code 0 and nothing of it runs any more.
 * @throws VisibleError with the last lines of output and the path of the whole log
 */
export async function supervise(
  job: ExecutorJob,
  launch: Launch,
  control: BuildControl,
  options: SupervisionOptions = {},
): Promise<void> {
  const progress = control.progress ?? quiet;
  await progress.step(`Running ${job.name}`, async (step) => {
    if (control.signal?.aborted) throw cancelled(job);
    const log = await BuildLog.open(job.name, options.logFolder);
    try {
      const child = await start(job, launch);
      const reading = read(child, job, log, step);
      const outcome = await wait(child, reading, { job, launch, signal: control.signal, options });
      await endStragglers(job.work.mark);
      await drain(child, reading);
      await judge(job, child, outcome, { log, launch });
    } catch (error) {
      throw await explainDiskError(error, job.work.path);
    } finally {
      await log.close();
    }
  });
}

async function start(job: ExecutorJob, launch: Launch): Promise<ChildProcess> {
  const [program = "", ...args] = launch.command;
  const child = spawn(program, args, {
    cwd: job.work.path,
    env: launch.environment,
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

interface Run {
  job: ExecutorJob;
  launch: Launch;
  signal: AbortSignal | undefined;
  options: SupervisionOptions;
}

/** Waits for the builder's end, or brings it about. Nothing of it runs afterwards. */
async function wait(child: ChildProcess, reading: Promise<void>, run: Run): Promise<Outcome> {
  const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
  const over = new AbortController();
  try {
    const outcome = await Promise.race([
      Promise.resolve(exited).then((): Outcome => "exited"),
      sleep(run.job.timeLimit, "timed out" as const, { signal: over.signal }).catch(
        (): Outcome => "timed out",
      ),
      aborted(run.signal, over.signal),
      diskFull(run.job.work.path, run.options.leaveFree ?? LEAVE_FREE, over.signal),
      // output that cannot be kept (a full disk) ends the build
      reading.then(() => new Promise<never>(() => {})),
    ]);
    if (outcome !== "exited") {
      run.launch.ask(child);
      const grace = sleep(run.options.grace ?? GRACE, undefined, { signal: over.signal }).catch(() => {});
      await Promise.race([exited, grace]);
    }
    return outcome;
  } finally {
    over.abort();
    await run.launch.end(child);
    await exited;
  }
}

async function read(child: ChildProcess, job: ExecutorJob, log: BuildLog, step: ProgressStep): Promise<void> {
  const masking = new Masking(job.masked);
  const readStream = async (stream: NodeJS.ReadableStream): Promise<void> => {
    const lines = new OutputLines(masking);
    const take = async (ready: string[]): Promise<void> => {
      const last = ready.at(-1);
      if (last) step.note(last);
      job.heard?.(ready);
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

async function judge(
  job: ExecutorJob,
  child: ChildProcess,
  outcome: Outcome,
  { log, launch }: { log: BuildLog; launch: Launch },
): Promise<void> {
  const said = log.lastLines();
  const failure = (how: string, hint: string) =>
    new VisibleError(`${job.name} ${how}.${said}\nThe whole log: ${log.path}`, {
      ...{ hint, short: log.shortly(`${job.name} ${how}`) },
    });
  if (outcome === "cancelled") throw cancelled(job);
  if (outcome === "timed out") {
    throw failure(
      `did not end within ${seconds(job.timeLimit)} and was stopped`,
      "the last lines say what it was doing",
    );
  }
  if (outcome === "disk full") throw failure("filled the disk and was stopped", MAKE_ROOM);
  if (child.exitCode === 0) return;
  const special = await launch.explain?.(child);
  const how =
    special?.how ??
    (child.signalCode ? `was ended by ${child.signalCode}` : `failed with exit code ${child.exitCode}`);
  const hint = special?.hint ?? HINTS.find(([pattern]) => pattern.test(said))?.[1];
  throw failure(
    how,
    hint ??
      (child.signalCode === "SIGKILL"
        ? "perhaps the machine ran out of memory"
        : "correct what the last lines name"),
  );
}

const MAKE_ROOM = "make room on the disk, or set EDGEFLOCK_CACHE to a larger one";
const HINTS: [RegExp, string][] = [
  [/no space left on device|disk quota exceeded/i, MAKE_ROOM],
  [
    /HTTPClientError|InternetConnectionError|could not resolve host|network is unreachable/i,
    "it needs something from the network: take an image that holds it, or set spec.firmware.container.network",
  ],
  [/command not found|: not found/i, "a program that the builder calls is missing: install it"],
];

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

/** Resolves when the builder has used up the disk of its work folder: a machine without any room fails all over. */
async function diskFull(folder: string, leaveFree: number, over: AbortSignal): Promise<Outcome> {
  const free = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  };
  // a disk that was as full before is not the builder's doing
  const enough = Math.min(leaveFree, (await free().catch(() => 0)) / 2);
  try {
    for (;;) {
      await sleep(LOOK_AT_DISK, undefined, { signal: over });
      if ((await free()) < enough) return "disk full";
    }
  } catch {
    return await new Promise<never>(() => {});
  }
}

function seconds(milliseconds: number): string {
  return milliseconds < 60_000 ? `${milliseconds / 1000} s` : `${Math.round(milliseconds / 60_000)} min`;
}
