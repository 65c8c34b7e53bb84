// Waiting times that double, with chance in them so that many don't come back at once. Pure but for chance.

export interface BackoffOptions {
  /** Milliseconds. */
  first: number;
  longest: number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds to wait after one more failure: between half of what it doubles up to and all of it. */
  next(): number {
    const { first, longest } = this.#options;
    const full = Math.min(longest, first * 2 ** Math.min(this.#failures++, 30));
    return full * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}
