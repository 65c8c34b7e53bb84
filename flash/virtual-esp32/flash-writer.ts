// Writing to flash as the serial protocol does it: begin (erase), blocks (plain or one zlib stream), end.
// Touches only the flash it is given; holds no more than a zlib window in memory.
import { createInflate, type Inflate } from "node:zlib";
import { type FlashMemory, SECTOR_SIZE } from "./flash-memory.ts";
import type { Failure, Speaker } from "./packets.ts";

export interface WriteRequest {
  compressed: boolean;
  /** Bytes to erase and, uncompressed, to write. */
  size: number;
  offset: number;
  blockSize: number;
}

const MAX_BLOCK_SIZE = 0x10000;

export class FlashWriter {
  readonly compressed: boolean;
  readonly #flash: FlashMemory;
  readonly #speaker: Speaker;
  readonly #size: number;
  readonly #end: number;
  #position: number;
  #erasedUpTo: number;
  #inflate: Inflate | undefined;
  #failure: Failure | undefined;

  private constructor(flash: FlashMemory, speaker: Speaker, request: WriteRequest) {
    this.compressed = request.compressed;
    this.#flash = flash;
    this.#speaker = speaker;
    this.#position = request.offset;
    this.#size = request.size;
    this.#end = request.offset + request.size;
    this.#erasedUpTo = request.offset - (request.offset % SECTOR_SIZE);
  }

  /** Starts a write; the ROM erases all of it now, the stub sector by sector as data comes. */
  static begin(flash: FlashMemory, speaker: Speaker, request: WriteRequest): FlashWriter | Failure {
    if (request.offset + request.size > flash.size) return "flash-failed";
    if (request.blockSize > MAX_BLOCK_SIZE) return "bad-block-size";
    const writer = new FlashWriter(flash, speaker, request);
    if (speaker === "rom") writer.#eraseUpTo(writer.#end);
    return writer;
  }

  /** One block; resolves when it is in the flash. A broken stream stays broken. */
  async write(block: Uint8Array): Promise<Failure | undefined> {
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = this.compressed ? await this.#inflateBlock(block) : this.#program(block, "clip");
    if (this.#failure !== undefined) this.close();
    return this.#failure;
  }

  /** Ends the write; says whether all that was announced has come. */
  end(): Failure | undefined {
    this.close();
    return this.#failure ?? (this.#position < this.#end ? "not-enough-data" : undefined);
  }

  /** Frees the zlib stream. */
  close(): void {
    this.#inflate?.destroy();
    this.#inflate = undefined;
  }

  #inflateBlock(block: Uint8Array): Promise<Failure | undefined> {
    this.#inflate ??= createInflate().on("error", () => {}); // also after the last block, when it is freed
    const stream = this.#inflate;
    return new Promise((resolve) => {
      let failure: Failure | undefined = stream.readableEnded ? "too-much-data" : undefined;
      const finish = () => {
        stream.off("data", onData).off("error", onError).off("end", finish);
        resolve(failure);
      };
      const onError = () => {
        failure ??= "inflate-failed";
        finish();
      };
      const onData = (piece: Uint8Array) => {
        failure ??= this.#program(piece, "refuse");
        if (failure) stream.destroy(new Error(failure)); // a zlib bomb ends here, not in memory
      };
      if (failure) return finish();
      // All that the block inflates to has been emitted by the time its write is called back; when bytes
      // follow the end of the zlib stream, "end" comes instead.
      stream.on("data", onData).on("error", onError).on("end", finish);
      stream.write(block, (error) => (error ? onError() : finish()));
    });
  }

  /** Programs at the current position. What exceeds the announced end is padding or too much. */
  #program(bytes: Uint8Array, excess: "clip" | "refuse"): Failure | undefined {
    const room = this.#end - this.#position;
    if (bytes.length > room && excess === "refuse") return "too-much-data";
    const data = bytes.subarray(0, Math.max(room, 0));
    try {
      if (this.#speaker === "stub") this.#eraseUpTo(this.#position + data.length);
      this.#flash.program(this.#position, data);
    } catch {
      return "flash-failed";
    }
    this.#position += data.length;
    return undefined;
  }

  #eraseUpTo(end: number): void {
    if (end <= this.#erasedUpTo || this.#size === 0) return;
    this.#flash.erase(this.#erasedUpTo, end - this.#erasedUpTo);
    this.#erasedUpTo = Math.ceil(end / SECTOR_SIZE) * SECTOR_SIZE;
  }
}
