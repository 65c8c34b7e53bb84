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
  state: BoardState["doing"] | "done" | "had it already" | "failed" | "no device left";
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
      boards,
      names: options.devices ?? options.source.devices(),
      scan: options.scans !== undefined,
    });
    const run = new Run(options, queue, firmware, log);
    return await run.toEnd();
  } finally {
    log.close();
  }
}

class Run {
  readonly #options: StationOptions;
  readonly #queue: DeviceQueue;
  readonly #firmware: Awaited<ReturnType<typeof prepareFirmware>>;
  readonly #log: ResultLog;
  readonly #rows = new Map<string, PortRow>();
  readonly #jobs = new Map<string, Promise<void>>();
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
      await Promise.all(this.#jobs.values());
    } finally {
      signal.removeEventListener("abort", close);
      await Promise.allSettled(this.#jobs.values());
    }
    signal.throwIfAborted();
    return this.#summary;
  }

  async #watch(): Promise<void> {
    const signal = AbortSignal.any([this.#options.signal, this.#enough.signal]);
    for await (const { appeared, vanished } of watchPorts(this.#options.listPorts ?? listPorts, signal)) {
      for (const port of vanished) if (!this.#jobs.has(port)) this.#rows.delete(port);
      for (const port of appeared) if (!this.#jobs.has(port)) this.#begin(port);
      this.#changed();
    }
  }

  async #readScans(): Promise<void> {
    for await (const name of this.#options.scans ?? []) this.#queue.scanned(name);
    if (this.#options.scans) this.#queue.close();
  }

  #begin(port: string): void {
    const job = this.#flash(port).finally(() => {
      this.#jobs.delete(port);
      this.#endIfEnough();
    });
    this.#jobs.set(port, job);
  }

  async #flash(port: string): Promise<void> {
    const { source, signal, esptool, baud = 460_800, erase = false, again = false, scans } = this.#options;
    const row = (change: Partial<PortRow> & Pick<PortRow, "state">) => {
      const { mac, device } = this.#rows.get(port) ?? {};
      this.#rows.set(port, { mac, device, ...change, port, since: Date.now() });
      this.#changed();
    };
    try {
      const outcome = await flashBoard(port, {
        source,
        esptool: new Esptool(esptool, signal),
        firmware: this.#firmware,
        queue: this.#queue,
        log: this.#log,
        baud,
        erase,
        again,
        scan: scans !== undefined,
        device: this.#options.device,
        onState: ({ doing, ...more }) => row({ state: doing, ...more }),
      });
      if (outcome.outcome === "nothing left") {
        this.#summary.nothingLeft = true;
        return row({ state: "no device left", mac: outcome.mac });
      }
      this.#summary[outcome.outcome]++;
      const { mac, device } = outcome.entry;
      row({ state: outcome.outcome === "flashed" ? "done" : "had it already", mac, device });
      await this.#options.onResult?.(outcome.entry);
    } catch (error) {
      if (signal.aborted) return;
      this.#summary.failed++;
      row({ state: "failed", message: explain(error) });
    }
  }

  #endIfEnough(): void {
    const { count } = this.#options;
    const reached = count !== undefined && this.#summary.flashed >= count;
    if (reached || (this.#summary.nothingLeft && this.#jobs.size === 0)) this.#enough.abort();
  }

  #changed(): void {
    this.#options.onChange?.([...this.#rows.values()].sort((a, b) => a.port.localeCompare(b.port)));
  }
}

function explain(error: unknown): string {
  if (error instanceof VisibleError) return [error.message, error.hint].filter(Boolean).join(" ");
  return error instanceof Error ? error.message : String(error);
}
