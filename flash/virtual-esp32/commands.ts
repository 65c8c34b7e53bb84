// Commands that the ROM loader and the stub answer alike, and the state that all commands share.
// Touches only the flash and registers it is given.
import type { ChipModel } from "./chip-models.ts";
import type { FlashMemory } from "./flash-memory.ts";
import type { FlashReader } from "./flash-reader.ts";
import { FlashWriter } from "./flash-writer.ts";
import { checksum, type Failure, OP, type Request, type Speaker, viewOf, words } from "./packets.ts";
import type { Registers } from "./registers.ts";

/** State of the download mode of one board, between two resets. */
export interface LoaderState {
  readonly model: ChipModel;
  readonly flash: FlashMemory;
  readonly registers: Registers;
  readonly wrongMd5: boolean;
  speaker: Speaker;
  writer: FlashWriter | undefined;
  reader: FlashReader | undefined;
  /** Bytes of code for the RAM that were announced and have come; they are counted, not kept. */
  ram: { announced: number; received: number };
}

export interface Answer {
  value?: number;
  data?: Uint8Array;
  failure?: Failure | undefined;
  /** Frames to send after the answer. */
  followedBy?: Iterable<Uint8Array>;
  /** What happens once the answer is out. */
  effect?: { reset: "boot" | "download" } | { baudRate: number };
}

export type Command = (state: LoaderState, request: Request) => Answer | Promise<Answer>;
export type Commands = ReadonlyMap<number, Command>;

const MAX_RAM = 1 << 20;
const DATA_HEADER_SIZE = 16;
const GREETING = new TextEncoder().encode("OHAI");

export const sharedCommands: [number, Command][] = [
  [
    OP.READ_REG,
    (state, { data }) => withWords(data, 1, ([address]) => ({ value: state.registers.read(address!) })),
  ],
  [OP.WRITE_REG, writeRegisters],
  [OP.SPI_ATTACH, (_, { data }) => withWords(data, 1, () => ({}))],
  [OP.SPI_SET_PARAMS, (_, { data }) => withWords(data, 6, () => ({}))],
  [OP.CHANGE_BAUDRATE, changeBaudRate],
  [OP.GET_SECURITY_INFO, securityInfo],
  [OP.MEM_BEGIN, beginRam],
  [OP.MEM_DATA, ramData],
  [OP.MEM_END, endRam],
  [OP.FLASH_BEGIN, (state, request) => beginFlash(state, request, false)],
  [OP.FLASH_DEFL_BEGIN, (state, request) => beginFlash(state, request, true)],
  [OP.FLASH_DATA, (state, request) => flashData(state, request, false)],
  [OP.FLASH_DEFL_DATA, (state, request) => flashData(state, request, true)],
];

/** Runs `then` with the first `count` words of `data`, or fails if there are fewer. */
export function withWords(data: Uint8Array, count: number, then: (values: number[]) => Answer): Answer {
  const values = words(data, count);
  return values ? then(values) : { failure: "bad-length" };
}

/** Whether the range lies in the flash; numbers come from the client. */
export function inFlash(flash: FlashMemory, offset: number, length: number): boolean {
  return offset + length <= flash.size;
}

function writeRegisters(state: LoaderState, { data }: Request): Answer {
  if (data.length === 0 || data.length % 16 !== 0) return { failure: "bad-length" };
  const view = viewOf(data);
  for (let at = 0; at < data.length; at += 16) {
    const address = view.getUint32(at, true);
    const mask = view.getUint32(at + 8, true);
    const value = (state.registers.read(address) & ~mask) | (view.getUint32(at + 4, true) & mask);
    const outcome = state.registers.write(
      address,
      mask === 0xffffffff ? view.getUint32(at + 4, true) : value,
    );
    if (outcome === "reset") return { effect: { reset: "boot" } };
  }
  return {};
}

function changeBaudRate(_: LoaderState, { data }: Request): Answer {
  return withWords(data, 2, ([baudRate]) =>
    baudRate! > 0 ? { effect: { baudRate: baudRate! } } : { failure: "invalid-message" },
  );
}

function securityInfo(state: LoaderState): Answer {
  const chipId = state.model.securityInfoChipId;
  if (chipId === undefined) return { failure: "unknown-command" };
  // flags, flash encryption count and key purposes: all zero, an open board; then chip id and API version
  const data = new Uint8Array(20);
  const view = viewOf(data);
  view.setUint32(12, chipId, true);
  view.setUint32(16, 1, true);
  return { data };
}

function beginRam(state: LoaderState, { data }: Request): Answer {
  return withWords(data, 4, ([size]) => {
    if (size! > MAX_RAM) return { failure: "invalid-message" };
    state.ram = { announced: size!, received: 0 };
    return {};
  });
}

function ramData(state: LoaderState, request: Request): Answer {
  const block = blockOf(request);
  if (typeof block === "string") return { failure: block };
  if (state.ram.received + block.length > state.ram.announced) return { failure: "too-much-data" };
  state.ram.received += block.length;
  return {};
}

/** Uploaded code is not run; after it, the board speaks as esptool's stub does. */
function endRam(state: LoaderState, { data }: Request): Answer {
  return withWords(data, 2, ([stay, entry]) => {
    const { announced, received } = state.ram;
    if (received < announced || announced === 0) return { failure: "not-enough-data" };
    state.ram = { announced: 0, received: 0 };
    if (stay === 1 || entry === 0) return {};
    const answer: Answer = { followedBy: [GREETING] };
    return answer;
  });
}

function beginFlash(state: LoaderState, { data }: Request, compressed: boolean): Answer {
  const count = state.speaker === "rom" ? state.model.romBeginWords : 4;
  return withWords(data, count, ([size, , blockSize, offset]) => {
    state.writer?.close();
    state.writer = undefined;
    const writer = FlashWriter.begin(state.flash, state.speaker, {
      compressed,
      size: size!,
      offset: offset!,
      blockSize: blockSize!,
    });
    if (typeof writer === "string") return { failure: writer };
    state.writer = writer;
    return {};
  });
}

async function flashData(state: LoaderState, request: Request, compressed: boolean): Promise<Answer> {
  const { writer } = state;
  if (writer === undefined || writer.compressed !== compressed) return { failure: "not-in-flash-mode" };
  const block = blockOf(request);
  if (typeof block === "string") return { failure: block };
  return { failure: await writer.write(block) };
}

/** The payload of a data command, its length and checksum verified. */
function blockOf(request: Request): Uint8Array | Failure {
  const header = words(request.data, 4);
  const block = request.data.subarray(DATA_HEADER_SIZE);
  if (header === undefined || header[0] !== block.length) return "bad-length";
  return (request.checksum & 0xff) === checksum(block) ? block : "bad-checksum";
}
