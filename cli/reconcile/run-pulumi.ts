// One update or preview of exactly the objects that were observed. Starts pulumi; writes a folder of its own below
// .edgeflock/ that holds no secret, and removes it.
import { createReadStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { execa } from "execa";
import { sweepWorkFolders } from "../../builders/work-folder.ts";
import { FINISH_BUILDS_VARIABLE } from "../../dynamic-providers/cancellation.ts";
import { type Happened, OCCURRENCES_FILE_VARIABLE } from "../../dynamic-providers/tell.ts";
import { OBJECTS_FILE_VARIABLE } from "../../kubernetes/declared-objects.ts";
import { isAlive } from "../../toolchain/is-alive.ts";
import { stateFolder } from "../../toolchain/project-folder.ts";
import type { StackRun } from "../../toolchain/quiet-pulumi.ts";
import { recoverStack } from "../../toolchain/recover-stack.ts";
import { runUpdate } from "../update/run-update.ts";
import type { ObservedObject } from "./observed-objects.ts";
import { type Outcome, readOutcome } from "./outcome.ts";

export interface PulumiRun extends StackRun {
  objects: readonly ObservedObject[];
  /** Pulumi's arguments for the policies of the stack; none where it has none. */
  policies: readonly string[];
  /** Asks pulumi to end in order: what has begun is finished and saved. */
  signal: AbortSignal;
}

export interface RanPulumi {
  outcome: Outcome;
  /** `locked`: another update of the stack is under way. `stopped`: by the signal. */
  ended: "well" | "failed" | "locked" | "stopped";
  /** Why it failed, in one line. */
  reason: string | undefined;
  /** What was done to devices and classes, and how it went. */
  happened: (Happened & { kind: string })[];
}

const LONGEST_OUTPUT = 64 * 1024;
const COMMON = ["--non-interactive", "--color", "never", "--suppress-outputs"];

export async function updateStack(run: PulumiRun): Promise<RanPulumi> {
  await sweepWorkFolders().catch((error: unknown) =>
    run.progress.say(`A killed build's folder stays: ${error}`),
  );
  await recoverStack(run);
  // One class whose firmware does not build must not hold up everybody else.
  const args = ["up", "--yes", "--skip-preview", "--continue-on-error", ...argumentsOf(run)];
  return withFolder(run, (pulumi) =>
    runUpdate({ ...run, args, run: (variables) => pulumi(args, variables) }),
  );
}

export async function previewStack(run: PulumiRun): Promise<RanPulumi> {
  const args = ["preview", ...argumentsOf(run)];
  return withFolder(run, (pulumi) => pulumi(args, {}));
}

function argumentsOf({ stack, policies }: PulumiRun): string[] {
  return [...COMMON, "--stack", stack, ...policies];
}

type Pulumi = (args: readonly string[], variables: NodeJS.ProcessEnv) => Promise<number>;

async function withFolder(run: PulumiRun, work: (pulumi: Pulumi) => Promise<number>): Promise<RanPulumi> {
  const parent = join(await stateFolder(run.projectFolder), "reconcile");
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await sweep(parent);
  const folder = await mkdtemp(join(parent, `${process.pid}-`));
  try {
    const objects = join(folder, "objects.json");
    const log = join(folder, "events.json");
    const occurrences = join(folder, "occurrences.json");
    await writeFile(objects, JSON.stringify(run.objects.map(declared)), { mode: 0o600 });
    let output = "";
    const code = await work(async (args, variables) => {
      const ran = await execPulumi([...args, "--event-log", log], run, {
        ...variables,
        [OBJECTS_FILE_VARIABLE]: objects,
        [OCCURRENCES_FILE_VARIABLE]: occurrences,
        [FINISH_BUILDS_VARIABLE]: "1",
      });
      output = ran.output;
      return ran.code;
    });
    const happened = await readOccurrences(occurrences);
    return { ...judge(run, code, output, await readLog(log, run.objects)), happened };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readOccurrences(file: string): Promise<RanPulumi["happened"]> {
  const text = existsSync(file) ? await readFile(file, "utf8") : "";
  return text.split("\n").flatMap((line) => occurrence(line) ?? []);
}

/** Undefined for an empty line, and for one whose writer was killed. */
export function occurrence(line: string): RanPulumi["happened"][number] | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Removes what processes left that are dead. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!isAlive(Number.parseInt(name, 10))) await rm(join(parent, name), { recursive: true, force: true });
  }
}

function declared({ kind, metadata, spec }: ObservedObject) {
  const { name, namespace, uid, labels, deletionTimestamp } = metadata;
  return { kind, metadata: { name, namespace, uid, labels, deletionTimestamp }, spec };
}

async function execPulumi(
  args: string[],
  { projectFolder, environment, signal }: PulumiRun,
  variables: NodeJS.ProcessEnv,
) {
  const child = execa("pulumi", args, {
    cwd: projectFolder,
    // the flag --event-log is one of pulumi's for tools, which it hides otherwise
    env: { ...environment, PULUMI_DEBUG_COMMANDS: "true", ...variables },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    all: true,
    // A terminal's Ctrl-C would reach it besides ours, and a second one makes it give up without cleaning up.
    detached: true,
    // only its end counts, and a large fleet's output is large
    buffer: false,
  });
  let output = "";
  child.all.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-LONGEST_OUTPUT);
  });
  const stop = () => child.kill("SIGINT");
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  // A process that ends without waiting for it leaves nothing behind that goes on changing the cluster.
  const leave = () => endGroup(child.pid);
  process.once("exit", leave);
  const { exitCode } = await child;
  process.removeListener("exit", leave);
  signal.removeEventListener("abort", stop);
  return { code: exitCode ?? 255, output };
}

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, "SIGKILL");
  } catch {
    // it has ended meanwhile
  }
}

async function readLog(log: string, objects: readonly ObservedObject[]): Promise<Outcome> {
  const clusters = new Map(
    objects
      .filter(({ kind }) => kind === "DevicesCluster")
      .map(({ metadata, spec }) => [spec.namespace, metadata.name]),
  );
  // Where there is none, pulumi failed before it wrote anything.
  const input = existsSync(log) ? createReadStream(log, "utf8") : Readable.from([]);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  return readOutcome(lines, (namespace) => clusters.get(namespace));
}

const LOCKED = /the stack is currently locked|Another update is currently in progress/i;

type Judged = Omit<RanPulumi, "happened">;

function judge(run: PulumiRun, code: number, output: string, outcome: Outcome): Judged {
  if (code === 0) return { outcome, ended: "well", reason: undefined };
  if (run.signal.aborted) return { outcome, ended: "stopped", reason: undefined };
  if (LOCKED.test(output))
    return { outcome, ended: "locked", reason: "Another update of this stack is under way." };
  return { outcome, ended: "failed", reason: firstReason(outcome, output) };
}

function firstReason({ errors, resources, stackwide, violations }: Outcome, output: string): string {
  const failures = [...stackwide, ...[...resources.values()].flat()].flatMap(({ failed }) => failed ?? []);
  const said =
    failures[0] ??
    errors[0] ??
    violations.find(({ isMandatory }) => isMandatory)?.message ??
    output
      .trim()
      .split("\n")
      .findLast((line) => /error/i.test(line));
  return said?.split("\n")[0] ?? "pulumi failed and did not say why";
}
