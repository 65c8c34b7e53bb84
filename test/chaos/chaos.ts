// Kills updates of a changing fleet at random moments, brings the fleet up again each time, and says what did not
// hold. Starts and kills processes; needs an embedded Kubernetes of its own, which it kills too.
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheFolder } from "../../toolchain/cache-folder.ts";
import type { Checkpoints } from "../../toolchain/checkpoints.ts";
import { start } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { soundFirmware } from "../builders/support.ts";
import { TestProject } from "../e2e/test-project.ts";
import {
  accessObjects,
  allFiles,
  filesWith,
  HandedOut,
  leftLocks,
  secretValues,
  strayObjects,
} from "./checks.ts";
import { FleetLife } from "./fleet-life.ts";
import { family, kill, killAll, leftBuilders, type Part, partOf } from "./processes.ts";
import { Random } from "./random.ts";
import type { Kill, Report } from "./report.ts";

export interface ChaosOptions {
  seed: number;
  kills: number;
  /** When updates save their state: `end` is what a large fleet does (docs/large-fleets.md). */
  checkpoints: Checkpoints;
  /** Folder of the embedded Kubernetes, which is killed. */
  clusterFolder: string;
  say(line: string): void;
}

/** What dies: everything of the update, one kind of its processes, or a part of the cluster. */
const TARGETS = {
  "whole update": 12,
  cli: 2,
  provider: 2,
  program: 1,
  "language host": 1,
  command: 1,
  "API server": 2,
  store: 2,
} as const;
type Target = keyof typeof TARGETS;

/** A check whether an update would change anything takes as long as an update: not after each kill. */
const CHECK_EVERY = 10;
const FIRST_GUESS_MS = 6_000;
/** How often the fleet changes again between a kill and the next update, so that nobody declares what was created. */
const SECOND_THOUGHTS = 1 / 3;

export async function runChaos(options: ChaosOptions): Promise<Report> {
  const started = Date.now();
  const cluster = await start(options.clusterFolder);
  const project = await TestProject.create(undefined, cluster.kubeconfig);
  const run = new ChaosRun(project, options);
  let wentWell = false;
  try {
    await run.bringUp();
    while (run.kills.length < options.kills) await run.round();
    await run.finalChecks();
    wentWell = true;
    return {
      seed: options.seed,
      checkpoints: options.checkpoints,
      kills: run.kills,
      problems: run.problems,
      credentials: run.handedOut.count,
      seconds: (Date.now() - started) / 1000,
      tooLate: run.tooLate,
    };
  } finally {
    await start(options.clusterFolder);
    // after a failure that one is told, not what comes of it here
    await project[Symbol.asyncDispose]().catch((error: unknown) => {
      if (wentWell) throw error;
    });
  }
}

class ChaosRun {
  readonly kills: Kill[] = [];
  readonly problems: string[] = [];
  readonly handedOut = new HandedOut();
  tooLate = 0;
  readonly #project: TestProject;
  readonly #options: ChaosOptions;
  readonly #random: Random;
  readonly #life: FleetLife;
  readonly #temporary: string;
  /** How long an update takes that nobody kills. */
  #usual = FIRST_GUESS_MS;
  #version = "";
  /** Accounts and rights, which are the same from the first update on. */
  #access: string[] = [];

  constructor(project: TestProject, options: ChaosOptions) {
    this.#project = project;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#life = new FleetLife(project.id, this.#random);
    this.#temporary = join(project.folder, ".edgeflock", "tmp");
  }

  async bringUp(): Promise<void> {
    await mkdir(this.#temporary, { recursive: true, mode: 0o700 });
    await this.#project.mustPulumi("config", "set", "edgeflock:checkpoints", this.#options.checkpoints);
    await this.#declare();
    await this.#update("the first update");
    await this.handedOut.look(this.#project);
    this.#access = await accessObjects(this.#project);
  }

  /** Changes the fleet, starts an update, kills something, and brings the fleet up again. */
  async round(): Promise<void> {
    const number = this.kills.length + 1;
    const changes = Array.from({ length: 1 + this.#random.below(4) }, () => this.#life.change());
    await this.#declare();
    const target = this.#random.weighted(TARGETS);
    const after = Math.round(this.#random.next() * this.#usual);
    const killed = await this.#killDuringUpdate(target, after);
    if (killed === undefined) {
      this.tooLate++;
      return;
    }
    await start(this.#options.clusterFolder);
    await this.#project.reconnect();
    await this.handedOut.look(this.#project);
    if (this.#random.next() < SECOND_THOUGHTS) {
      changes.push(this.#life.change());
      await this.#declare();
    }
    const took = await this.#update(`the update after kill ${number} (${target})`);
    await this.handedOut.look(this.#project);
    this.#usual = took;
    this.kills.push({ target, parts: killed, afterMs: after, changes, recoveredInMs: took });
    this.#options.say(
      `${number}/${this.#options.kills}  ${changes.join(", ")}: ${target} killed after ${(after / 1000).toFixed(1)} s; up again in ${(took / 1000).toFixed(1)} s`,
    );
    this.#note(number, await strayObjects(this.#project, this.#life, this.#access));
    if (number % CHECK_EVERY === 0) await this.#nothingToDo(number);
  }

  async finalChecks(): Promise<void> {
    const number = this.kills.length;
    await this.#nothingToDo(number);
    const changes = await this.#project.up();
    if (Object.keys(changes).length > 0)
      this.problems.push(`a further update changed ${JSON.stringify(changes)}`);
    if (await this.#pendingOperations()) this.problems.push("pending operations are left in the state");
    this.#note(number, await strayObjects(this.#project, this.#life, this.#access));
    this.#note(
      number,
      (await leftLocks(this.#project)).map((file) => `lock ${file} is left`),
    );
    this.#note(
      number,
      leftBuilders().map(({ command }) => `the builder ${command} still runs`),
    );
    const values = await secretValues(this.#project, this.#life);
    const folders = [join(this.#project.folder, ".edgeflock"), join(cacheFolder(), "work")];
    this.#note(number, await filesWith(values, folders));
    this.#note(
      number,
      (await allFiles(this.#temporary))
        // code that Node compiled, for its next start
        .filter((file) => !file.includes("/node-compile-cache/"))
        .map((file) => `temporary file ${file} is left`),
    );
    this.problems.push(...this.handedOut.changed.map((who) => `the credential of ${who} changed`));
  }

  async #declare(): Promise<void> {
    Object.assign(this.#project.variables, this.#life.variables);
    const version = this.#life.firmwareVersion;
    if (version !== this.#version) await this.#writeFirmware(version);
    await this.#project.manifests(this.#life.manifests());
  }

  /** A firmware of its own for each version, whose build takes long enough to be killed. */
  async #writeFirmware(version: string): Promise<void> {
    for (const [path, content] of Object.entries(soundFirmware(version))) {
      await this.#project.write(join("firmware", "made", path), content);
    }
    await this.#project.write(
      "firmware/build.sh",
      '#!/bin/sh\nset -e\ncat input/secrets/build.token > "$TMPDIR/token"\nsleep 1\ncp input/source/made/* output/\n',
    );
    await chmod(join(this.#project.folder, "firmware", "build.sh"), 0o755);
    this.#version = version;
  }

  #start() {
    const args = ["pulumi", "up", "--yes", "--skip-preview", "--suppress-outputs", "--non-interactive"];
    return this.#project.startEdgeflock(args, { TMPDIR: this.#temporary });
  }

  /** @returns milliseconds */
  async #update(what: string): Promise<number> {
    const began = Date.now();
    const { exitCode, stdout, stderr } = await this.#start();
    if (exitCode !== 0) throw new Error(`${what} failed (seed ${this.#options.seed}):\n${stdout}\n${stderr}`);
    return Date.now() - began;
  }

  /** @returns the parts that were killed; undefined where the update had ended by then */
  async #killDuringUpdate(target: Target, after: number): Promise<Part[] | undefined> {
    const began = Date.now();
    const update = this.#start();
    const ended = update.then(() => Date.now() - began);
    const early = await Promise.race([ended, sleep(after).then(() => undefined)]);
    if (early !== undefined) {
      this.#usual = early;
      return undefined;
    }
    const parts = await this.#kill(target, update.pid!);
    await ended;
    return parts;
  }

  async #kill(target: Target, root: number): Promise<Part[] | undefined> {
    if (target === "API server" || target === "store") {
      const name = target === "store" ? "etcd" : "kube-apiserver";
      const { components } = await start(this.#options.clusterFolder);
      const pid = components.find((component) => component.name === name)?.pid;
      if (pid === undefined) return undefined;
      kill(pid);
      return [];
    }
    const members = family(root).map((member) => ({ ...member, part: partOf(member) }));
    const victims = members.filter(({ part }) =>
      target === "whole update" ? part !== "builder" : part === target,
    );
    if (victims.length === 0) return undefined;
    killAll(victims.map(({ pid }) => pid));
    const parts = victims.map(({ part }) => part);
    await this.#untilGone(members.filter(({ part }) => part !== "builder").map(({ pid }) => pid));
    return parts;
  }

  /** What outlives the command must end by itself: nobody is there to end it. */
  async #untilGone(pids: number[]): Promise<void> {
    const deadline = Date.now() + 120_000;
    const alive = (pid: number) => family(pid).length > 0;
    while (pids.some(alive)) {
      if (Date.now() > deadline) {
        const left = pids
          .filter(alive)
          .flatMap((pid) => family(pid).map(({ command }) => command.slice(0, 120)));
        this.problems.push(`still running two minutes after the rest was killed: ${left.join("; ")}`);
        killAll(pids.filter(alive));
        return;
      }
      await sleep(50);
    }
  }

  async #nothingToDo(number: number): Promise<void> {
    const steps = await this.#project.preview();
    this.#note(
      number,
      steps.map(({ op, urn }) => `a further update would ${op} ${urn}`),
    );
  }

  async #pendingOperations(): Promise<boolean> {
    const { deployment } = JSON.parse(await this.#project.state()) as {
      deployment: { pending_operations?: unknown[] };
    };
    return (deployment.pending_operations ?? []).length > 0;
  }

  #note(number: number, problems: string[]): void {
    this.problems.push(...problems.map((problem) => `after kill ${number}: ${problem}`));
  }
}
