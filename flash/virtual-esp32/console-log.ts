// What a board prints on its UART, as lines: kept to a bound, waited for, iterated. Touches nothing.
import { stripVTControlCharacters } from "node:util";
import { VisibleError } from "../../model/visible-error.ts";

const KEPT_LINES = 10_000;
/** A longer line is cut here; a firmware that never ends its line must not fill the memory. */
const LONGEST_LINE = 4096;

const DEFAULT_TIMEOUT = 20_000;

export class ConsoleLog {
  /** The latest lines, oldest first, without colours and other control characters. */
  readonly lines: string[] = [];
  readonly #listeners = new Set<(line: string) => void>();
  readonly #closers = new Set<() => void>();
  readonly #decoder = new TextDecoder();
  #partial = "";
  #closed = false;

  /** Bytes of the UART, in whatever pieces. */
  write(bytes: Uint8Array): void {
    const text = this.#partial + this.#decoder.decode(bytes, { stream: true });
    const lines = text.split("\n");
    this.#partial = lines.pop() ?? "";
    for (const line of lines) this.#add(line);
    while (this.#partial.length > LONGEST_LINE) {
      this.#add(this.#partial.slice(0, LONGEST_LINE));
      this.#partial = this.#partial.slice(LONGEST_LINE);
    }
  }

  /** Ends a line that was begun, as a reset does. */
  flush(): void {
    if (this.#partial !== "") this.#add(this.#partial);
    this.#partial = "";
  }

  /** A remark of the virtual board itself, which no real one would print. */
  note(text: string): void {
    this.flush();
    this.#add(`[edgeflock] ${text}`);
  }

  onLine(listener: (line: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The first line that matches, among those there and those to come.
   * @throws VisibleError after `timeoutMs` (20 s by default) or when the board stops, with the last lines.
   */
  waitFor(pattern: RegExp, options: { timeoutMs?: number; since?: number } = {}): Promise<string> {
    const found = this.lines.slice(options.since ?? 0).find((line) => pattern.test(line));
    if (found !== undefined) return Promise.resolve(found);
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT;
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        cleanUp();
        const last = this.lines.slice(-20).join("\n") || "(nothing)";
        reject(
          new VisibleError(`the board printed no line like ${pattern} ${why}; its last lines:\n${last}`),
        );
      };
      const closer = () => fail("before it stopped");
      const timer = setTimeout(() => fail(`within ${timeoutMs / 1000} s`), timeoutMs);
      const removeListener = this.onLine((line) => {
        if (!pattern.test(line)) return;
        cleanUp();
        resolve(line);
      });
      const cleanUp = () => {
        clearTimeout(timer);
        removeListener();
        this.#closers.delete(closer);
      };
      if (this.#closed) closer();
      else this.#closers.add(closer);
    });
  }

  /** Lines from now on, until the board stops. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    const queue: string[] = [];
    let wake = () => {};
    const removeListener = this.onLine((line) => {
      if (queue.length < KEPT_LINES) queue.push(line);
      wake();
    });
    const closer = () => wake();
    this.#closers.add(closer);
    try {
      while (true) {
        const line = queue.shift();
        if (line !== undefined) yield line;
        else if (this.#closed) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      removeListener();
      this.#closers.delete(closer);
    }
  }

  close(): void {
    this.flush();
    this.#closed = true;
    for (const closer of [...this.#closers]) closer();
  }

  #add(raw: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    const line = stripVTControlCharacters(raw).replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.splice(0, this.lines.length - KEPT_LINES);
    for (const listener of [...this.#listeners]) listener(line);
  }
}
