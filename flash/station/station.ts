// The flashing station: one worker a port, all at once; ports appear and vanish. Starts esptool processes, keeps
// private files while it runs, adds to its log.
import { VisibleError } from "../../model/visible-error.ts";
import { DeviceQueue } from "./device-queue.ts";
import { Esptool } from "./esptool.ts";
import { type BoardState, flashBoard } from "./flash-board.ts";
import type { FlashSource } from "./flash-source.ts";
import { listPorts, watchPorts } from "./ports.ts";
import { prepareFirmware } from "./prepare-firmware.ts";
import { type ResultEntry, ResultLog } from "./result-log.ts";
import { WriteBudget } from "./write-budget.ts";

export interface StationOptions {
  source: FlashSource;
  /** Words of the command. */
  esptool: readonly string[];
  /** Flash one board at each of these and end; without them, watch for ports until every device has its board. */
  ports?: readonly string[];
  /** Ports of this machine, for the watch. */
  listPorts?: () => Promise<string[]>;
  /** Devices to give out, in this order; default all of the class. */
  devices?: readonly string[];
  /** The boards become this device; one that is another is refused. */
  device?: string;
  /** Each new board waits for a name from `scans`. */
  scans?: AsyncIterable<string>;
  /** End after so many boards were written. */
  count?: number;
  /** @default 460800 */
  baud?: number;
  erase?: boolean;
  again?: boolean;
  logPath: string;
  signal: AbortSignal;
  /** What the ports are doing, at each change. */
  onChange?: (rows: readonly PortRow[]) => void;
  /** Each board that is done; what it throws is told as a failure of that port. */
  onResult?: (entry: ResultEntry) => Promise<void> | void;
}

export interface PortRow {
  port: string;
  state: BoardState["doing"] | "done" | "had it already" | "failed" | "no device left" | "not needed";
  mac?: string | undefined;
  device?: string | undefined;
  progress?: number | undefined;
  /** What went wrong and what to do. */
  message?: string | undefined;
  /** Milliseconds since 1970. */
  since: number;
}

export interface StationSummary {
  flashed: number;
  unchanged: number;
  failed: number;
  /** Whether a board found no device to become. */
  nothingLeft: boolean;
}

/** Resolves when the ports are done, the devices are used up, `count` is reached or `signal` is aborted. */
export async function runStation(options: StationOptions): Promise<StationSummary> {
  const log = new ResultLog(options.logPath);
  try {
    await using firmware = await prepareFirmware(options.source);
    const boards = await options.source.boards();
    const queue = new DeviceQueue({
      held: boards.flatMap(({ device, holder }) => (holder === undefined ? [] : [device])),
      names: options.devices ?? options.source.devices(),
      scan: options.scans !== undefined,
    });
    const run = new Run(options, queue, firmware, log);
    return await run.toEnd();
  } finally {
    log.close();
  }
}

/** A board that was taken out: nobody's failure, unless it was being written. */
class TakenOut extends VisibleError {
  constructor(port: string) {
    super(`The board at ${port} was taken out.`, {
      hint: "Plug it in again: everything is written anew.",
      exitCode: 10,
    });
    this.name = "TakenOut";
  }
}

interface Job {
  ended: Promise<void>;
  stop: AbortController;
  /** Whether the port came back meanwhile, so that the next board there has its turn when this job has ended. */
  again: boolean;
}

class Run {
  readonly #options: StationOptions;
  readonly #queue: DeviceQueue;
  readonly #budget: WriteBudget;
  readonly #firmware: Awaited<ReturnType<typeof prepareFirmware>>;
  readonly #log: ResultLog;
  readonly #rows = new Map<string, PortRow>();
  readonly #jobs = new Map<string, Job>();
  readonly #summary: StationSummary = { flashed: 0, unchanged: 0, failed: 0, nothingLeft: false };
  /** Ends the watch and, on a Ctrl-C, the jobs; `#enough` ends the watch alone. */
  readonly #enough = new AbortController();

  constructor(
    options: StationOptions,
    queue: DeviceQueue,
    firmware: Awaited<ReturnType<typeof prepareFirmware>>,
    log: ResultLog,
  ) {
    this.#options = options;
    this.#queue = queue;
    this.#budget = new WriteBudget(options.count);
    this.#firmware = firmware;
    this.#log = log;
  }

  async toEnd(): Promise<StationSummary> {
    const { signal, ports } = this.#options;
    const close = () => this.#queue.close();
    signal.addEventListener("abort", close, { once: true });
    void this.#readScans();
    try {
      if (ports) for (const port of ports) this.#begin(port);
      else await this.#watch();
      await this.#allEnded();
    } finally {
      signal.removeEventListener("abort", close);
      await this.#allEnded();
    }
    signal.throwIfAborted();
    return this.#summary;
  }

  async #allEnded(): Promise<void> {
    await Promise.allSettled([...this.#jobs.values()].map(({ ended }) => ended));
  }

  async #watch(): Promise<void> {
    const signal = AbortSignal.any([this.#options.signal, this.#enough.signal]);
    for await (const { appeared, vanished } of watchPorts(this.#options.listPorts ?? listPorts, signal)) {
      for (const port of vanished) this.#vanished(port);
      for (const port of appeared) {
        const job = this.#jobs.get(port);
        if (job) job.again = true;
        else this.#begin(port);
      }
      this.#changed();
    }
  }

  /** What was going on there is over: the next board at that port is another one. */
  #vanished(port: string): void {
    const job = this.#jobs.get(port);
    if (!job) this.#rows.delete(port);
    else {
      job.again = false;
      job.stop.abort(new TakenOut(port));
    }
  }

  async #readScans(): Promise<void> {
    for await (const name of this.#options.scans ?? []) this.#queue.scanned(name);
    if (this.#options.scans) this.#queue.close();
  }

  #begin(port: string): void {
    const job: Job = { stop: new AbortController(), again: false, ended: Promise.resolve() };
    this.#jobs.set(port, job);
    job.ended = this.#flash(port, job.stop.signal).finally(() => {
      this.#jobs.delete(port);
      const over = this.#options.signal.aborted || this.#enough.signal.aborted;
      if (job.again && !over) this.#begin(port);
      this.#endIfEnough();
    });
  }

  async #flash(port: string, takenOut: AbortSignal): Promise<void> {
    const { source, esptool, baud = 460_800, erase = false, again = false, scans } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, takenOut]);
    const row = (change: Partial<PortRow> & Pick<PortRow, "state">) => {
      const { mac, device } = this.#rows.get(port) ?? {};
      this.#rows.set(port, { mac, device, ...change, port, since: Date.now() });
      this.#changed();
    };
    this.#rows.delete(port);
    try {
      const outcome = await flashBoard(port, {
        source,
        esptool: new Esptool(esptool, signal),
        firmware: this.#firmware,
        queue: this.#queue,
        budget: this.#budget,
        log: this.#log,
        signal,
        baud,
        erase,
        again,
        scan: scans !== undefined,
        device: this.#options.device,
        onState: ({ doing, ...more }) => row({ state: doing, ...more }),
      });
      if (!("entry" in outcome)) {
        const nothingLeft = outcome.outcome === "nothing left";
        if (nothingLeft) this.#summary.nothingLeft = true;
        return row({ state: nothingLeft ? "no device left" : "not needed", mac: outcome.mac });
      }
      this.#summary[outcome.outcome]++;
      const { mac, device } = outcome.entry;
      row({ state: outcome.outcome === "flashed" ? "done" : "had it already", mac, device });
      await this.#options.onResult?.(outcome.entry);
    } catch (error) {
      if (this.#options.signal.aborted) return;
      if (error instanceof TakenOut && this.#rows.get(port)?.state !== "writing") {
        this.#rows.delete(port);
        return this.#changed();
      }
      this.#summary.failed++;
      row({ state: "failed", message: explain(error) });
    }
  }

  #endIfEnough(): void {
    if (this.#budget.reached || (this.#summary.nothingLeft && this.#jobs.size === 0)) this.#enough.abort();
  }

  #changed(): void {
    this.#options.onChange?.([...this.#rows.values()].sort((a, b) => a.port.localeCompare(b.port)));
  }
}

function explain(error: unknown): string {
  if (error instanceof VisibleError) return [error.message, error.hint].filter(Boolean).join(" ");
  return error instanceof Error ? error.message : String(error);
}
