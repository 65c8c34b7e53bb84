// How many boards a station may still write, where it was told to end after so many. Pure.

export class WriteBudget {
  readonly #most: number;
  #begun = 0;
  #written = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param most undefined: as many as come */
  constructor(most: number = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  /**
   * Waits while so many boards are being written that this one may be one too many.
   *
   * @param onWait called where it has to wait
   * @returns false when enough were written; true for whoever may go on, who then has to call {@link end}
   */
  async begin(signal: AbortSignal, onWait: () => void = () => {}): Promise<boolean> {
    while (!this.reached && this.#begun >= this.#most) {
      onWait();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      signal.throwIfAborted();
    }
    if (this.reached) return false;
    this.#begun++;
    return true;
  }

  /** @param written whether the board counts; otherwise another may be written in its place */
  end(written: boolean): void {
    if (written) this.#written++;
    else this.#begun--;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  get reached(): boolean {
    return this.#written >= this.#most;
  }
}
