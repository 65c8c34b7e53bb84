// Commands as esptool's flasher stub answers them, where it differs from the ROM loader.
// Touches only the given state. Source: espressif/esp-flasher-stub and esptool 5.6.0, loader.py.
import {
  type Answer,
  type Commands,
  inFlash,
  type LoaderState,
  sharedCommands,
  withWords,
} from "./commands.ts";
import { md5OfFlash } from "./flash-digest.ts";
import { FlashReader } from "./flash-reader.ts";
import { OP, type Request } from "./packets.ts";

export const stubCommands: Commands = new Map([
  ...sharedCommands,
  [OP.FLASH_END, endFlash],
  [OP.FLASH_DEFL_END, endFlash],
  [OP.SPI_FLASH_MD5, md5],
  [OP.ERASE_FLASH, eraseAll],
  [OP.ERASE_REGION, eraseRegion],
  [OP.READ_FLASH, readFlash],
  [OP.RUN_USER_CODE, () => ({ effect: { reset: "boot" as const } })],
]);

/** 1 stays in the stub; 0 goes back to the ROM loader, which is how esptool's `--after no-reset` ends. */
function endFlash(state: LoaderState, { data }: Request): Answer {
  return withWords(data, 1, ([stay]) => {
    const { writer } = state;
    if (writer === undefined) return { failure: "not-in-flash-mode" };
    state.writer = undefined;
    const failure = writer.end();
    return stay === 1 || failure ? { failure } : { effect: { reset: "download" } };
  });
}

function md5(state: LoaderState, { data }: Request): Answer {
  return withWords(data, 2, ([offset, length]) => {
    if (!inFlash(state.flash, offset!, length!)) return { failure: "read-failed" };
    return { data: md5OfFlash(state.flash, offset!, length!, state.wrongMd5) };
  });
}

function eraseAll(state: LoaderState): Answer {
  state.flash.erase(0, state.flash.size);
  return {};
}

function eraseRegion(state: LoaderState, { data }: Request): Answer {
  return withWords(data, 2, ([offset, length]) => {
    if (!inFlash(state.flash, offset!, length!)) return { failure: "flash-failed" };
    state.flash.erase(offset!, length!);
    return {};
  });
}

function readFlash(state: LoaderState, { data }: Request): Answer {
  return withWords(data, 4, ([offset, length, frameSize, unacknowledged]) => {
    const reader = FlashReader.begin(state.flash, {
      offset: offset!,
      length: length!,
      frameSize: frameSize!,
      unacknowledged: unacknowledged!,
    });
    if (reader === undefined) return { failure: "read-failed" };
    state.reader = reader;
    return { followedBy: reader.advance(0) };
  });
}
