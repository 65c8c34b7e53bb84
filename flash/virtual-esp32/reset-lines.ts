// The two handshake lines that reset a board and choose its boot mode, as on every ESP32 development board.
// Pure, but for one timer.
// Circuit: two transistors, so that EN is low while RTS is set and DTR is not, and GPIO0 is low while DTR is
// set and RTS is not (ESP32-DevKitC schematic; espressif/esptool docs, "Boot Mode Selection").

/** What the lines do to the chip. */
export type LineEvent = "hold" | "boot" | "download";

/**
 * A flasher that sets the two lines one after the other passes through "both set" on its way into download
 * mode. On a board the capacitor at EN bridges that moment; over a network it can take a second.
 */
const CAPACITOR_MILLISECONDS = 1500;

export class ResetLines {
  #dtr = false;
  #rts = false;
  #held = false;
  #capacitor: NodeJS.Timeout | undefined;
  readonly #onEvent: (event: LineEvent) => void;

  constructor(onEvent: (event: LineEvent) => void) {
    this.#onEvent = onEvent;
  }

  set(lines: { dtr?: boolean; rts?: boolean }): void {
    this.#dtr = lines.dtr ?? this.#dtr;
    this.#rts = lines.rts ?? this.#rts;
    clearTimeout(this.#capacitor);
    if (this.#rts && !this.#dtr) {
      if (!this.#held) this.#onEvent("hold");
      this.#held = true;
    } else if (this.#held) {
      if (this.#rts)
        this.#capacitor = setTimeout(() => this.#release("boot"), CAPACITOR_MILLISECONDS).unref();
      else this.#release(this.#dtr ? "download" : "boot");
    }
  }

  close(): void {
    clearTimeout(this.#capacitor);
  }

  #release(mode: "boot" | "download"): void {
    this.#held = false;
    this.#onEvent(mode);
  }
}
