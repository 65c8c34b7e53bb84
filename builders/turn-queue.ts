// Work of this process that waits for its turn: at most so much at a time, that of higher priority first. Touches
// nothing.

interface Waiting {
  priority: number;
  enter(): void;
}

export class TurnQueue {
  readonly #limit: number;
  #running = 0;
  #waiting: Waiting[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many could begin now; one is counted where none could, for what comes next. */
  get free(): number {
    return Math.max(1, this.#limit - this.#running);
  }

  /** Runs `work` when it is its turn. An abort while it waits rejects. */
  async inTurn<T>(priority: number, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    await this.#enter(priority, signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #enter(priority: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#running < this.#limit) {
      this.#running++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = { priority, enter: resolve };
      // behind all of its own priority
      const at = this.#waiting.findIndex((other) => other.priority < priority);
      this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, waiting);
      signal?.addEventListener(
        "abort",
        () => {
          this.#waiting = this.#waiting.filter((other) => other !== waiting);
          reject(signal.reason);
        },
        { once: true },
      );
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    // its place goes to the next one, or back
    if (next) next.enter();
    else this.#running--;
  }
}
