// Which device a board becomes that is none yet: the one that was scanned, else the next that has no board. Pure, but
// for the source that it asks for names.

export interface DeviceQueueOptions {
  /** Devices that are not given out, since they have their board. */
  held: Iterable<string>;
  /** Names in the order in which they are given out. */
  names: AsyncIterable<string> | Iterable<string>;
  /** Wait for a scanned name for each new board, instead of taking the next one. */
  scan?: boolean;
}

export class DeviceQueue {
  readonly #held: ReadonlySet<string>;
  readonly #names: AsyncIterator<string> | Iterator<string>;
  readonly #scan: boolean;
  readonly #returned: string[] = [];
  readonly #scanned: string[] = [];
  readonly #waiting = new Set<(name: string | undefined) => void>();
  #asking: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: DeviceQueueOptions) {
    this.#held = new Set(options.held);
    const { names } = options;
    this.#names = Symbol.asyncIterator in names ? names[Symbol.asyncIterator]() : names[Symbol.iterator]();
    this.#scan = options.scan ?? false;
  }

  /**
   * A device that no board has; undefined when there is none left. Two callers never get the same.
   *
   * @param signal ends the wait for a scan, which then goes to whoever waits next
   */
  async next(signal?: AbortSignal): Promise<string | undefined> {
    if (this.#scan) return this.#nextScanned(signal);
    const turn = this.#asking.then(() => this.#nextFree());
    this.#asking = turn.catch(() => {});
    return turn;
  }

  /** A name from the scanner; the board that has waited longest gets it. */
  scanned(name: string): void {
    const [waiting] = this.#waiting;
    if (waiting) waiting(name);
    else this.#scanned.push(name);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Nothing became of it: another board may get the device, once all others are given out. */
  giveBack(device: string): void {
    if (!this.#scan) this.#returned.push(device);
  }

  /** Nobody waits any longer. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting) waiting(undefined);
  }

  async #nextFree(): Promise<string | undefined> {
    for (;;) {
      const { value, done } = await this.#names.next();
      // last, so that one that cannot be read is not in the way of the others
      if (done) return this.#returned.shift();
      if (!this.#held.has(value)) return value;
    }
  }

  #nextScanned(signal?: AbortSignal): Promise<string | undefined> {
    signal?.throwIfAborted();
    const name = this.#scanned.shift();
    if (name !== undefined || this.#closed) return Promise.resolve(name);
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(give);
        signal?.removeEventListener("abort", leave);
      };
      const give = (given: string | undefined) => {
        end();
        resolve(given);
      };
      const leave = () => {
        end();
        reject(signal?.reason);
      };
      this.#waiting.add(give);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}
