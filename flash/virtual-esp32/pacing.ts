// A serial line's speed: holds bytes back until a line of that baud rate would have carried them.
// Uses the clock and timers, nothing else.
import { setTimeout as sleep } from "node:timers/promises";

/** Start bit, eight data bits, stop bit. */
const BITS_PER_BYTE = 10;

export class PacedLine {
  readonly #bytesPerMillisecond: number;
  /** When the last byte so far has passed, in milliseconds of `performance.now()`. */
  #freeAt = 0;

  constructor(baudRate: number) {
    this.#bytesPerMillisecond = baudRate / BITS_PER_BYTE / 1000;
  }

  /** Resolves when `count` further bytes have passed. Rounding does not add up: the line keeps its own time. */
  async pass(count: number): Promise<void> {
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now) + count / this.#bytesPerMillisecond;
    const wait = this.#freeAt - now;
    if (wait >= 1) await sleep(wait);
  }
}
