// A virtual board: the chip's state between resets, its serial line, and which of download mode and
// application has the line. Uses the flash, the application and the links that it is given.

import { setTimeout as sleep } from "node:timers/promises";
import type { Application } from "./application.ts";
import { CHIP_MODELS, type ChipModel, type VirtualChip } from "./chip-models.ts";
import type { ConsoleLog } from "./console-log.ts";
import { type Fault, FaultyLine, isWrongMd5, slowness } from "./faults.ts";
import type { FlashMemory } from "./flash-memory.ts";
import { Loader, type LoaderOutcome } from "./loader.ts";
import { PacedLine } from "./pacing.ts";
import { isSync, parseRequest } from "./packets.ts";
import type { Registers } from "./registers.ts";
import { type LineEvent, ResetLines } from "./reset-lines.ts";
import type { SerialLink } from "./serial-link.ts";
import { SlipDecoder, slipEncode } from "./slip.ts";

/** Longest request: header and 16-bit length. */
const REQUEST_LIMIT = 8 + 0xffff;
/** A SYNC has 44 bytes; while the application runs nothing longer is of interest. */
const SYNC_LIMIT = 64;

export type BoardState = "download" | "running" | "held" | "off";

export interface BoardOptions {
  chip: VirtualChip;
  mac: Uint8Array;
  flash: FlashMemory;
  console: ConsoleLog;
  faults: Fault[];
  /** Baud rate at which the line carries bytes; without it, as fast as it can. */
  pace: number | undefined;
  /** Makes what boots; its output is the UART's. */
  application: (output: (bytes: Uint8Array) => void) => Application;
  /** The cable has been pulled: the port is gone until the cable is back. */
  onCut: () => void;
}

export class Board {
  readonly #options: BoardOptions;
  readonly #model: ChipModel;
  readonly #registers: Registers;
  readonly #application: Application;
  readonly #lines: ResetLines;
  readonly #line: FaultyLine;
  readonly #pace: { toBoard: PacedLine; toHost: PacedLine } | undefined;
  readonly #requests = new SlipDecoder(REQUEST_LIMIT);
  readonly #attention = new SlipDecoder(SYNC_LIMIT);
  #state: BoardState = "off";
  #loader: Loader | undefined;
  #link: SerialLink | undefined;
  /** Set when a flasher left the stub for the ROM loader: it wants the board to stay there. */
  #stayInDownload = false;

  constructor(options: BoardOptions) {
    this.#options = options;
    this.#model = CHIP_MODELS[options.chip];
    this.#registers = this.#model.registers(options.mac, options.flash);
    this.#line = new FaultyLine(options.faults);
    const { pace } = options;
    this.#pace =
      pace === undefined ? undefined : { toBoard: new PacedLine(pace), toHost: new PacedLine(pace) };
    this.#lines = new ResetLines((event) => this.#lineEvent(event));
    this.#application = options.application((bytes) => this.#output(bytes));
  }

  get state(): BoardState {
    return this.#state;
  }

  /** Takes the serial port. @returns false when another client has it. */
  attach(link: SerialLink): boolean {
    if (this.#link !== undefined || this.#state === "off") return false;
    this.#link = link;
    this.#stayInDownload = false;
    this.#requests.reset();
    this.#attention.reset();
    return true;
  }

  /** The client has gone; without handshake lines that is when the board boots what was flashed. */
  detach(link: SerialLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    // the operating system lets both lines go when a port is closed
    if (link.kind === "modem") this.#lines.set({ dtr: false, rts: false });
    else if (this.#state === "download" && this.#loader?.synced && !this.#stayInDownload) this.reset("boot");
  }

  /** Bytes from the client. Resolves when the board can take more. */
  async receive(link: SerialLink, received: Uint8Array): Promise<void> {
    const { bytes, cut } = this.#line.pass(received);
    await this.#pace?.toBoard.pass(bytes.length);
    if (this.#link === link) await this.#process(link, bytes);
    if (cut && this.#link === link) this.#pullCable(link);
  }

  setLines(lines: { dtr?: boolean; rts?: boolean }): void {
    if (this.#state !== "off") this.#lines.set(lines);
  }

  /** The client's baud rate, where the link tells it: the ROM adapts its divider to it. */
  setBaudRate(baudRate: number): void {
    this.#registers.setBaudRate(baudRate);
  }

  /** Presses the reset button, with the boot button held for "download". */
  reset(mode: "boot" | "download", options: { quiet?: boolean } = {}): void {
    this.#leave();
    this.#state = mode === "boot" ? "running" : "download";
    if (mode === "boot") {
      this.#application.start();
      return;
    }
    const { flash, faults } = this.#options;
    this.#registers.setBaudRate(115_200);
    this.#loader = new Loader({
      model: this.#model,
      flash,
      registers: this.#registers,
      wrongMd5: isWrongMd5(faults),
    });
    const { romBanner, bootMode } = this.#model;
    this.#print(
      `${romBanner}\r\nrst:0x1 (POWERON_RESET),${bootMode.download}\r\nwaiting for download\r\n`,
      options,
    );
  }

  /** Takes the power away; resolves when nothing of the application is left. */
  async off(): Promise<void> {
    this.#leave();
    this.#state = "off";
    this.#lines.close();
    this.#link?.cut();
    await this.#application.stop();
  }

  async #process(link: SerialLink, bytes: Uint8Array): Promise<void> {
    if (this.#state === "running") {
      if (link.kind === "modem" || !this.#asksForAttention(bytes)) {
        this.#application.input(bytes);
        return;
      }
      this.reset("download", { quiet: true });
    }
    for (const frame of this.#requests.push(bytes)) {
      const loader = this.#loader;
      if (this.#state !== "download" || loader === undefined) return;
      await this.#slowDown();
      const outcome = await loader.handle(frame);
      if (this.#loader === loader && this.#link === link) await this.#answer(link, outcome);
    }
  }

  async #answer(link: SerialLink, { frames, effect }: LoaderOutcome): Promise<void> {
    for (const frame of frames) {
      const encoded = slipEncode(frame);
      await this.#pace?.toHost.pass(encoded.length);
      link.send(encoded);
    }
    if (effect === undefined) return;
    if ("baudRate" in effect) {
      this.#registers.setBaudRate(effect.baudRate);
      return;
    }
    this.reset(effect.reset, { quiet: effect.reset === "download" });
    this.#stayInDownload = effect.reset === "download";
  }

  /** Without handshake lines, a SYNC to a running application stands for the two buttons. */
  #asksForAttention(bytes: Uint8Array): boolean {
    for (const frame of this.#attention.push(bytes)) {
      const request = parseRequest(frame);
      if (request && isSync(request)) return true;
    }
    return false;
  }

  #lineEvent(event: LineEvent): void {
    if (event === "hold") {
      this.#leave();
      this.#state = "held";
    } else this.reset(event);
  }

  /** No power: what was in RAM is gone, the application too; plugged in again, the board waits for a flasher. */
  #pullCable(link: SerialLink): void {
    this.reset("download", { quiet: true });
    this.#link = undefined;
    link.cut();
    this.#options.console.note("the cable was pulled (fault cut)");
    this.#options.onCut();
  }

  #leave(): void {
    this.#loader?.close();
    this.#loader = undefined;
    this.#stayInDownload = false;
    this.#requests.reset();
    this.#attention.reset();
    this.#application.halt();
    this.#options.console.flush();
  }

  async #slowDown(): Promise<void> {
    const milliseconds = slowness(this.#options.faults);
    if (milliseconds > 0) await sleep(milliseconds);
  }

  /** The chip's own output: to the console and to the client, unless that one expects an answer just now. */
  #print(text: string, options: { quiet?: boolean } = {}): void {
    const bytes = new TextEncoder().encode(text);
    this.#options.console.write(bytes);
    if (!options.quiet) this.#link?.send(bytes);
  }

  #output(bytes: Uint8Array): void {
    this.#options.console.write(bytes);
    this.#link?.send(bytes);
  }
}
