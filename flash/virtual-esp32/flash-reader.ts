// Reading flash as the stub does it: frames of a sector, a bounded number of them unacknowledged, then the
// MD5 of all. Touches only the flash it is given.
import { createHash } from "node:crypto";
import { type FlashMemory, SECTOR_SIZE } from "./flash-memory.ts";
import { viewOf } from "./packets.ts";

const MAX_UNACKNOWLEDGED = 64;

export interface ReadRequest {
  offset: number;
  length: number;
  /** Bytes a frame; the client chooses, up to a sector. */
  frameSize: number;
  /** Frames that may be on their way; the client chooses. */
  unacknowledged: number;
}

export class FlashReader {
  readonly #flash: FlashMemory;
  readonly #request: ReadRequest;
  readonly #md5 = createHash("md5");
  #sent = 0;
  #done = false;

  private constructor(flash: FlashMemory, request: ReadRequest) {
    this.#flash = flash;
    this.#request = request;
  }

  /** @returns undefined for a range outside of the flash or an impossible frame size. */
  static begin(flash: FlashMemory, request: ReadRequest): FlashReader | undefined {
    if (request.offset + request.length > flash.size) return undefined;
    if (request.frameSize === 0 || request.frameSize > SECTOR_SIZE) return undefined;
    return new FlashReader(flash, request);
  }

  get done(): boolean {
    return this.#done;
  }

  /** The frames to send now that `acknowledged` bytes have arrived at the client. */
  *advance(acknowledged: number): Generator<Uint8Array> {
    const { offset, length, frameSize } = this.#request;
    const window = Math.max(1, Math.min(this.#request.unacknowledged, MAX_UNACKNOWLEDGED)) * frameSize;
    const arrived = Math.min(acknowledged, this.#sent);
    while (this.#sent < length && this.#sent - arrived < window) {
      const frame = this.#flash.read(offset + this.#sent, Math.min(frameSize, length - this.#sent));
      this.#md5.update(frame);
      this.#sent += frame.length;
      yield frame;
    }
    if (arrived >= length && !this.#done) {
      this.#done = true;
      yield this.#md5.digest();
    }
  }

  /** The count of bytes in an acknowledging frame, or undefined if it is not one. */
  static acknowledgement(frame: Uint8Array): number | undefined {
    return frame.length === 4 ? viewOf(frame).getUint32(0, true) : undefined;
  }
}
