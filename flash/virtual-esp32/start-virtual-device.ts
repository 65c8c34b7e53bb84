// Starts a virtual board and gives back its handle: the library side of `edgeflock virtual-device`.
// Touches the flash file, one port or pty of this machine, and the firmware's process.
import { resolve } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import { Board, type BoardState } from "./board.ts";
import { BootSequence, DEFAULT_RESTART_POLICY, type RestartPolicy } from "./boot-sequence.ts";
import { Cable } from "./cable.ts";
import { CHIP_MODELS, type VirtualChip } from "./chip-models.ts";
import { ConsoleLog } from "./console-log.ts";
import { badSectors, type Fault, parseFault } from "./faults.ts";
import { lockFlash } from "./flash-lock.ts";
import { FlashFile, parseFlashSize } from "./flash-memory.ts";
import { formatMac, macFor, parseMac } from "./mac.ts";
import { openPty } from "./pty-transport.ts";
import { listen } from "./tcp-transport.ts";

export interface VirtualDeviceOptions {
  chip: VirtualChip;
  /** Flash file; created erased (0600) if it is not there. */
  flash: string;
  /** "1MB" … "16MB"; default the file's size, 4 MB for a new one. */
  flashSize?: string;
  /** TCP port on 127.0.0.1; 0 and default: a free one. Not with `pty`. */
  port?: number;
  /** A pseudo terminal instead of a TCP port. Needs python3. */
  pty?: boolean;
  /** Give the URL as rfc2217://. The port answers both kinds of client in any case. */
  rfc2217?: boolean;
  /** Default: one that follows from the flash file's path. */
  mac?: string;
  faults?: (Fault | string)[];
  /** Each line of the console, as it comes. */
  onConsole?: (line: string) => void;
  /** Baud rate of the line; without it, as fast as the machine goes. */
  baudPacing?: number;
  /** Boot what is flashed at once; otherwise the board waits in download mode for its first flasher. */
  boot?: boolean;
  restartPolicy?: Partial<RestartPolicy>;
}

export interface VirtualDevice extends AsyncDisposable {
  /** What to give to `esptool --port`: socket://127.0.0.1:port, rfc2217://…, or the path of a pty. */
  readonly url: string;
  /** Undefined for a pty. */
  readonly port: number | undefined;
  readonly mac: string;
  readonly chip: VirtualChip;
  /** Absolute path of the flash file. */
  readonly flash: string;
  readonly state: BoardState;
  /** The latest lines of the console, oldest first. */
  readonly console: readonly string[];
  /** Lines from now on, until the board stops. */
  lines(): AsyncIterable<string>;
  /**
   * The first line that matches, among those there (from index `since`) and those to come.
   * @throws VisibleError after `timeoutMs` (default 20,000) or when the board stops
   */
  waitFor(pattern: RegExp, options?: { timeoutMs?: number; since?: number }): Promise<string>;
  /** Presses the reset button, for "download" with the boot button held. */
  reset(mode?: "boot" | "download"): void;
  /** Sets handshake lines, as a client with RFC 2217 would. */
  setLines(lines: { dtr?: boolean; rts?: boolean }): void;
  /** After the fault "cut": puts the cable back at once, instead of after 10 s. */
  plugIn(): Promise<void>;
  /** Takes the power away; nothing is left running. The flash file stays. */
  stop(): Promise<void>;
}

/** @throws VisibleError for options that cannot be met. */
export async function startVirtualDevice(options: VirtualDeviceOptions): Promise<VirtualDevice> {
  const checked = check(options);
  const unlock = lockFlash(checked.flashPath);
  let flash: FlashFile | undefined;
  try {
    flash = new FlashFile(checked.flashPath, { size: checked.flashSize, badSectors: checked.badSectors });
    checkBadSectors(checked.badSectors, flash.size);
    return await powerOn(options, checked, flash, unlock);
  } catch (error) {
    flash?.close();
    unlock();
    throw error;
  }
}

interface Checked {
  flashPath: string;
  flashSize: number | undefined;
  mac: Uint8Array;
  faults: Fault[];
  badSectors: number[];
}

function check(options: VirtualDeviceOptions): Checked {
  if (!Object.hasOwn(CHIP_MODELS, options.chip)) {
    const known = Object.keys(CHIP_MODELS).join(", ");
    throw new VisibleError(`"${options.chip}" is no chip that can be simulated; expected ${known}`);
  }
  const { port = 0, baudPacing, pty } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new VisibleError(`${port} is no TCP port; expected 0 to 65535 (0: a free one)`);
  }
  if (pty && (port !== 0 || options.rfc2217)) {
    throw new VisibleError("a board has either a pty or a TCP port, not both");
  }
  if (
    baudPacing !== undefined &&
    !(Number.isInteger(baudPacing) && baudPacing >= 300 && baudPacing <= 20_000_000)
  ) {
    throw new VisibleError(`${baudPacing} is no baud rate; expected 300 to 20000000`);
  }
  const faults = (options.faults ?? []).map((fault) =>
    typeof fault === "string" ? parseFault(fault) : fault,
  );
  if (pty && faults.some(({ kind }) => kind === "cut")) {
    throw new VisibleError("the fault cut needs a TCP port: a pty cannot be pulled out", {
      hint: "leave --pty away",
    });
  }
  const flashPath = resolve(options.flash);
  const flashSize = options.flashSize === undefined ? undefined : parseFlashSize(options.flashSize);
  const mac = options.mac === undefined ? macFor(flashPath) : parseMac(options.mac);
  return { flashPath, flashSize, mac, faults, badSectors: badSectors(faults) };
}

function checkBadSectors(addresses: number[], flashSize: number): void {
  const beyond = addresses.find((address) => address >= flashSize);
  if (beyond === undefined) return;
  throw new VisibleError(
    `the bad block at 0x${beyond.toString(16)} is beyond the flash of ${flashSize >> 20} MB`,
  );
}

async function powerOn(
  options: VirtualDeviceOptions,
  { mac, faults }: Checked,
  flash: FlashFile,
  unlock: () => void,
): Promise<VirtualDevice> {
  const consoleLog = new ConsoleLog();
  if (options.onConsole) consoleLog.onLine(options.onConsole);
  const board = new Board({
    chip: options.chip,
    mac,
    flash,
    console: consoleLog,
    faults,
    pace: options.baudPacing,
    application: (output) =>
      new BootSequence({
        chip: options.chip,
        mac: formatMac(mac),
        flash,
        policy: { ...DEFAULT_RESTART_POLICY, ...options.restartPolicy },
        output,
        note: (text) => consoleLog.note(text),
      }),
    onCut: () => cable.pull(),
  });
  const note = (text: string) => consoleLog.note(text);
  const transport = options.pty ? await openPty(board) : await listen(board, options.port ?? 0, note);
  const cable = new Cable("plugIn" in transport ? transport : undefined, note);
  board.reset(options.boot ? "boot" : "download");
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await board.off();
    cable.close();
    await transport.close();
    consoleLog.close();
    flash.close();
    unlock();
  };
  const device: VirtualDevice = {
    url: "path" in transport ? transport.path : urlOf(transport.port, options.rfc2217),
    port: "port" in transport ? transport.port : undefined,
    mac: formatMac(mac),
    chip: options.chip,
    flash: flash.path,
    get state() {
      return board.state;
    },
    console: consoleLog.lines,
    lines: () => consoleLog[Symbol.asyncIterator](),
    waitFor: (pattern, waiting) => consoleLog.waitFor(pattern, waiting),
    reset: (mode = "boot") => board.reset(mode),
    setLines: (lines) => board.setLines(lines),
    plugIn: () => cable.plugIn(),
    stop: () => (stopping ??= stop()),
    [Symbol.asyncDispose]: () => device.stop(),
  };
  return device;
}

function urlOf(port: number, rfc2217: boolean | undefined): string {
  return rfc2217 ? `rfc2217://127.0.0.1:${port}` : `socket://127.0.0.1:${port}`;
}
