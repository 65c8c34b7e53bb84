// Download mode of one board: takes unescaped frames, gives frames back, and says when the chip resets.
// No transport in here; touches only the flash it is given.
import type { ChipModel } from "./chip-models.ts";
import type { Answer, LoaderState } from "./commands.ts";
import type { FlashMemory } from "./flash-memory.ts";
import { FlashReader } from "./flash-reader.ts";
import { isSync, OP, parseRequest, type Request, response } from "./packets.ts";
import type { Registers } from "./registers.ts";
import { romCommands } from "./rom-protocol.ts";
import { stubCommands } from "./stub-protocol.ts";

/** SYNC is answered this often (ROM loader and stub alike). */
const SYNC_ANSWERS = 8;
/** Any value but 0, which says "the stub is running". */
const ROM_SYNC_VALUE = 0x20120707;

export interface LoaderOutcome {
  /** Frames to send, in order, not yet escaped. */
  frames: Iterable<Uint8Array>;
  /** What happens when they are out. */
  effect?: Answer["effect"];
}

/** A command that the ROM does not know is answered as often, and not under its own code. */
const UNKNOWN_ANSWERS = 8;

const NOTHING: LoaderOutcome = { frames: [] };

export class Loader {
  readonly #state: LoaderState;
  #synced = false;

  constructor(options: {
    model: ChipModel;
    flash: FlashMemory;
    registers: Registers;
    wrongMd5?: boolean;
  }) {
    this.#state = {
      model: options.model,
      flash: options.flash,
      registers: options.registers,
      wrongMd5: options.wrongMd5 ?? false,
      speaker: "rom",
      writer: undefined,
      reader: undefined,
      ram: { announced: 0, received: 0 },
    };
  }

  /** Whether a flasher has made itself known since the chip came into download mode. */
  get synced(): boolean {
    return this.#synced;
  }

  get stubRuns(): boolean {
    return this.#state.speaker === "stub";
  }

  /** Handles one frame. Never throws: what cannot be done is answered with a failure, or not at all. */
  async handle(frame: Uint8Array): Promise<LoaderOutcome> {
    const { reader } = this.#state;
    const acknowledged = reader && FlashReader.acknowledgement(frame);
    if (reader && acknowledged !== undefined) {
      return { frames: forgetWhenDone(this.#state, reader.advance(acknowledged)) };
    }
    const request = parseRequest(frame);
    if (request === undefined) return this.#malformed(frame);
    this.#state.reader = undefined;
    if (request.op === OP.SYNC) return this.#sync(request);
    return this.#run(request);
  }

  /** Frees what a half-done write holds. */
  close(): void {
    this.#state.writer?.close();
  }

  async #run(request: Request): Promise<LoaderOutcome> {
    const { speaker } = this.#state;
    const command = (speaker === "rom" ? romCommands : stubCommands).get(request.op);
    let answer: Answer;
    try {
      answer = command ? await command(this.#state, request) : { failure: "unknown-command" };
    } catch {
      answer = { failure: "flash-failed" }; // the flash file could not be read or written
    }
    if (speaker === "rom" && answer.failure === "unknown-command") return { frames: unknownToRom() };
    const frames = follow(response(speaker, request.op, answer), answer.followedBy);
    // The greeting of uploaded code is the stub's first word.
    if (request.op === OP.MEM_END && answer.followedBy) this.#state.speaker = "stub";
    return answer.effect === undefined ? { frames } : { frames, effect: answer.effect };
  }

  #sync(request: Request): LoaderOutcome {
    if (!isSync(request)) return NOTHING;
    this.#synced = true;
    const { speaker } = this.#state;
    const frame = response(speaker, OP.SYNC, { value: speaker === "rom" ? ROM_SYNC_VALUE : 0 });
    return { frames: Array.from({ length: SYNC_ANSWERS }, () => frame) };
  }

  /** A request with a wrong length is answered, so that the flasher repeats it; other noise is not. */
  #malformed(frame: Uint8Array): LoaderOutcome {
    if (frame.length < 8 || frame[0] !== 0x00) return NOTHING;
    return { frames: [response(this.#state.speaker, frame[1]!, { failure: "bad-length" })] };
  }
}

function unknownToRom(): Uint8Array[] {
  const frame = response("rom", 0x00, { failure: "unknown-command" });
  return Array.from({ length: UNKNOWN_ANSWERS }, () => frame);
}

function* follow(first: Uint8Array, rest: Iterable<Uint8Array> | undefined): Generator<Uint8Array> {
  yield first;
  if (rest) yield* rest;
}

function* forgetWhenDone(state: LoaderState, frames: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield* frames;
  if (state.reader?.done) state.reader = undefined;
}
