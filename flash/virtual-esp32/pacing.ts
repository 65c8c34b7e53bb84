// A serial line's speed: holds bytes back until a line of that baud rate would have carried them.
// Uses the clock that it is given, by default the real one.
import { setTimeout as sleep } from "node:timers/promises";

/** Start bit, eight data bits, stop bit. */
const BITS_PER_BYTE = 10;

export interface Clock {
  /** Milliseconds since whenever. */
  now(): number;
  sleep(milliseconds: number): Promise<unknown>;
}

const REAL_CLOCK: Clock = { now: () => performance.now(), sleep };

export class PacedLine {
  readonly #bytesPerMillisecond: number;
  readonly #clock: Clock;
  /** When the last byte so far has passed. */
  #freeAt = 0;

  constructor(baudRate: number, clock: Clock = REAL_CLOCK) {
    this.#bytesPerMillisecond = baudRate / BITS_PER_BYTE / 1000;
    this.#clock = clock;
  }

  /** Resolves when `count` further bytes have passed; bytes for less than a millisecond are not waited for. */
  async pass(count: number): Promise<void> {
    const now = this.#clock.now();
    this.#freeAt = Math.max(this.#freeAt, now) + count / this.#bytesPerMillisecond;
    const wait = this.#freeAt - now;
    if (wait >= 1) await this.#clock.sleep(wait);
  }
}
