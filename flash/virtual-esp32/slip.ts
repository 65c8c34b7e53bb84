// SLIP, the framing of the serial protocol (RFC 1055, with a delimiter on both sides as esptool sends it).
// Pure: bytes in and out, memory bounded by the decoder's limit.

const END = 0xc0;
const ESCAPE = 0xdb;
const ESCAPED_END = 0xdc;
const ESCAPED_ESCAPE = 0xdd;

/** One frame on the wire: END, escaped content, END. */
export function slipEncode(content: Uint8Array): Uint8Array {
  let escapes = 0;
  for (const byte of content) if (byte === END || byte === ESCAPE) escapes++;
  const frame = new Uint8Array(content.length + escapes + 2);
  frame[0] = END;
  let at = 1;
  for (const byte of content) {
    if (byte === END || byte === ESCAPE) {
      frame[at++] = ESCAPE;
      frame[at++] = byte === END ? ESCAPED_END : ESCAPED_ESCAPE;
    } else frame[at++] = byte;
  }
  frame[at] = END;
  return frame;
}

/** Finds frames in a stream that may hold anything; what is not a frame is dropped. */
export class SlipDecoder {
  readonly #limit: number;
  #buffer = new Uint8Array(1024);
  #length = 0;
  #state: "outside" | "inside" | "escaped" | "skipping" = "outside";

  /** `limit`: bytes of the longest frame; a longer one is dropped as a whole. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The frames that `bytes` complete, in order, unescaped. */
  *push(bytes: Uint8Array): Generator<Uint8Array> {
    for (const byte of bytes) {
      if (byte === END) {
        const complete = this.#state === "inside" && this.#length > 0;
        const frame = complete ? this.#buffer.slice(0, this.#length) : undefined;
        // After garbage or a broken frame this delimiter may be the start of the next one; after a whole
        // frame a shared delimiter is harmless, because empty frames are dropped.
        this.#state = complete ? "outside" : "inside";
        this.#length = 0;
        if (frame) yield frame;
      } else if (this.#state === "inside") {
        if (byte === ESCAPE) this.#state = "escaped";
        else this.#append(byte);
      } else if (this.#state === "escaped") {
        this.#state = "inside";
        if (byte === ESCAPED_END) this.#append(END);
        else if (byte === ESCAPED_ESCAPE) this.#append(ESCAPE);
        else this.#state = "skipping";
      }
    }
  }

  /** Forgets a half frame, as a chip's reset does. */
  reset(): void {
    this.#state = "outside";
    this.#length = 0;
    if (this.#buffer.length > 65536) this.#buffer = new Uint8Array(1024);
  }

  #append(byte: number): void {
    if (this.#length === this.#limit) {
      this.#state = "skipping";
      return;
    }
    if (this.#length === this.#buffer.length) {
      const larger = new Uint8Array(Math.min(this.#buffer.length * 2, this.#limit));
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#buffer[this.#length++] = byte;
  }
}
