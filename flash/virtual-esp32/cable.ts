// The cable between host and board: pulled by the fault "cut", and put back after a while.
// Uses one timer and the transport it is given.

/** esptool waits 7 s for a lost port to come back; whoever pulled the cable is slower. */
const UNPLUGGED_MILLISECONDS = 10_000;

export interface Pluggable {
  unplug(): void;
  plugIn(): Promise<void>;
}

export class Cable {
  readonly #transport: Pluggable | undefined;
  readonly #note: (text: string) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(transport: Pluggable | undefined, note: (text: string) => void) {
    this.#transport = transport;
    this.#note = note;
  }

  pull(): void {
    this.#transport?.unplug();
    this.#timer = setTimeout(() => {
      this.plugIn().catch((error: Error) => this.#note(`the cable cannot be put back: ${error.message}`));
    }, UNPLUGGED_MILLISECONDS);
  }

  async plugIn(): Promise<void> {
    if (this.#timer === undefined) return;
    this.close();
    await this.#transport?.plugIn();
    this.#note("the cable is back");
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
