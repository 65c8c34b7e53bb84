// Commands as the ROM loader answers them, where it differs from the stub. Touches only the given state.
import {
  type Answer,
  type Commands,
  inFlash,
  type LoaderState,
  sharedCommands,
  withWords,
} from "./commands.ts";
import { md5OfFlash } from "./flash-digest.ts";
import { OP, type Request } from "./packets.ts";

/** READ_FLASH_SLOW always returns this many bytes, however few were asked for. */
const SLOW_READ_SIZE = 64;

export const romCommands: Commands = new Map([
  ...sharedCommands,
  [OP.FLASH_END, endFlash],
  [OP.FLASH_DEFL_END, endFlash],
  [OP.SPI_FLASH_MD5, md5],
  [OP.READ_FLASH_SLOW, readSlowly],
]);

/** Leaves the loader, whatever the argument: 0 reboots, 1 runs the user's code. */
function endFlash(state: LoaderState, { data }: Request): Answer {
  return withWords(data, 1, () => {
    state.writer?.close();
    state.writer = undefined;
    return { effect: { reset: "boot" } };
  });
}

function md5(state: LoaderState, { data }: Request): Answer {
  return withWords(data, 2, ([offset, length]) => {
    if (!inFlash(state.flash, offset!, length!)) return { failure: "read-failed" };
    const digest = md5OfFlash(state.flash, offset!, length!, state.wrongMd5);
    return { data: new TextEncoder().encode(digest.toString("hex")) };
  });
}

function readSlowly(state: LoaderState, { data }: Request): Answer {
  return withWords(data, 2, ([offset, length]) => {
    if (length! > SLOW_READ_SIZE || !inFlash(state.flash, offset!, length!))
      return { failure: "read-failed" };
    const answer = new Uint8Array(SLOW_READ_SIZE);
    answer.set(state.flash.read(offset!, length!));
    return { data: answer };
  });
}
