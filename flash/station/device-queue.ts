// Which device a board becomes: its own, the one that was scanned, else the next that has none. Pure, but for the
// source that it asks for names.
import type { BoardRecord } from "../board-lease.ts";

export interface DeviceQueueOptions {
  /** What is known of the class's boards. */
  boards: readonly BoardRecord[];
  /** Names in the order in which they are given out. */
  names: AsyncIterable<string> | Iterable<string>;
  /** Wait for a scanned name for each new board, instead of taking the next one. */
  scan?: boolean;
}

export class DeviceQueue {
  readonly #holders = new Map<string, string>();
  readonly #byMac = new Map<string, BoardRecord>();
  readonly #names: AsyncIterator<string> | Iterator<string>;
  readonly #scan: boolean;
  /** Names that are being given out at this moment. */
  readonly #taken = new Set<string>();
  readonly #returned: string[] = [];
  readonly #scanned: string[] = [];
  readonly #waiting: ((name: string | undefined) => void)[] = [];
  #asking: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: DeviceQueueOptions) {
    for (const board of options.boards) {
      if (board.holder === undefined) continue;
      this.#holders.set(board.device, board.holder);
      this.#byMac.set(board.holder, board);
    }
    const { names } = options;
    this.#names = Symbol.asyncIterator in names ? names[Symbol.asyncIterator]() : names[Symbol.iterator]();
    this.#scan = options.scan ?? false;
  }

  /** The device that this board is already. */
  ownOf(mac: string): BoardRecord | undefined {
    return this.#byMac.get(mac);
  }

  /** A device that no board has; undefined when there is none left. Two callers never get the same. */
  async next(): Promise<string | undefined> {
    if (this.#scan) return this.#nextScanned();
    const turn = this.#asking.then(() => this.#nextFree());
    this.#asking = turn.catch(() => {});
    return turn;
  }

  /** A name from the scanner; the board that has waited longest gets it. */
  scanned(name: string): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(name);
    else this.#scanned.push(name);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** The board has the device now, and keeps it. */
  assigned(device: string, mac: string): void {
    this.#taken.add(device);
    this.#holders.set(device, mac);
    this.#byMac.set(mac, { ...(this.#byMac.get(mac) ?? EMPTY), device, holder: mac });
  }

  /** What the board holds now, so that plugging it in again changes nothing. */
  flashed(device: string, mac: string, digests: { configDigest: string; artifactDigest: string }): void {
    this.#byMac.set(mac, { ...EMPTY, device, holder: mac, ...digests });
  }

  /** Nothing became of it: another board may get the device. */
  giveBack(device: string): void {
    this.#taken.delete(device);
    this.#returned.push(device);
  }

  /** Nobody waits any longer. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting.splice(0)) waiting(undefined);
  }

  async #nextFree(): Promise<string | undefined> {
    const returned = this.#returned.shift();
    if (returned !== undefined) return this.#take(returned);
    for (;;) {
      const { value, done } = await this.#names.next();
      if (done) return undefined;
      if (!this.#holders.has(value) && !this.#taken.has(value)) return this.#take(value);
    }
  }

  #take(name: string): string {
    this.#taken.add(name);
    return name;
  }

  #nextScanned(): Promise<string | undefined> {
    const name = this.#scanned.shift();
    if (name !== undefined || this.#closed) return Promise.resolve(name);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const EMPTY: BoardRecord = {
  device: "",
  holder: undefined,
  configDigest: undefined,
  artifactDigest: undefined,
  generation: undefined,
  firmwareVersion: undefined,
  flashedAt: undefined,
  flashedBy: undefined,
  resourceVersion: undefined,
};
