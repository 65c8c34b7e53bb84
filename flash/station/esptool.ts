// Runs the real esptool for one port: asks a board who it is, writes it, tells how far it is. Starts processes.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { canonicalChipName } from "../../builders/chips.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { flashBytes } from "../flash-script/header.ts";
import { remotePortEnvironment } from "../remote-port.ts";
import { explainEsptool } from "./explain-esptool.ts";

export interface BoardFacts {
  /** As in manifests: "esp32c3". */
  chip: string;
  /** aa:bb:cc:dd:ee:ff */
  mac: string;
  /** Bytes; 0 where the flash does not tell. */
  flashSize: number;
}

export interface FileToWrite {
  /** Bytes from the start of the flash. */
  offset: number;
  /** Path on this computer. */
  path: string;
  size: number;
}

export interface WriteOptions {
  chip: string;
  /** Of the board that is to be written; any other is left alone. */
  mac: string;
  baud: number;
  erase?: boolean;
  /** From 0 to 1, over all files. */
  onProgress?: (part: number) => void;
}

/** Another board is at the port than the one that was asked. */
export class BoardSwapped extends VisibleError {
  readonly found: string;

  constructor(port: string, expected: string, found: string) {
    super(`The board at ${port} is ${found} now; it was ${expected} when it was asked.`, {
      hint: "Let a board be plugged in until its row says that it is done; plug this one in again.",
      exitCode: 9,
    });
    this.name = "BoardSwapped";
    this.found = found;
  }
}

const MAC = /^(?:BASE )?MAC: +((?:[0-9a-f]{2}:){5}[0-9a-f]{2})$/;
const LINES_KEPT = 200;

export class Esptool {
  readonly #command: readonly string[];
  readonly #signal: AbortSignal;

  /** @param command its words, as `esptoolCommand` of the toolchain gives them */
  constructor(command: readonly string[], signal: AbortSignal) {
    this.#command = command;
    this.#signal = signal;
  }

  /** Resets the board into its loader and back. @throws VisibleError when it does not answer */
  async probe(port: string): Promise<BoardFacts> {
    // at the ROM's own speed and without esptool's helper program: it is a few bytes
    const lines = await this.#run(port, ["--port", port, "--no-stub", "flash-id"], () => {}, false);
    const find = (pattern: RegExp) =>
      lines.map((line) => pattern.exec(line)?.[1]).filter((text) => text !== undefined);
    const chip = find(/^Connected to (ESP[0-9A-Z-]+) on /)[0];
    // chips with 802.15.4 print an EUI-64 first
    const mac = find(MAC).at(-1);
    if (!chip || !mac)
      throw new VisibleError(`The board at ${port} does not say who it is.`, {
        hint: "Plug it in again.",
        exitCode: 9,
      });
    return {
      chip: canonicalChipName(chip),
      mac,
      flashSize: flashBytes(find(/^Detected flash size: +(\S+)/)[0] ?? ""),
    };
  }

  /**
   * Writes all files in one go, compares and restarts the board.
   *
   * @throws BoardSwapped as soon as esptool says another MAC, which it does before it writes; VisibleError with exit code 10
   */
  async write(port: string, files: readonly FileToWrite[], options: WriteOptions): Promise<void> {
    const total = files.reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    let current: FileToWrite | undefined;
    let found: string | undefined;
    const swapped = new AbortController();
    const onLine = (line: string) => {
      found = MAC.exec(line)?.[1] ?? found;
      if (found !== undefined && found !== options.mac)
        swapped.abort(new BoardSwapped(port, options.mac, found));
      const begun = /^Writing '.*' at (0x[0-9a-f]+)\.\.\.$/.exec(line)?.[1];
      if (begun) {
        if (current) done += current.size;
        current = files.find(({ offset }) => offset === Number(begun));
      }
      const percent = /^Writing at 0x[0-9a-f]+ .*?([\d.]+)% /.exec(line)?.[1];
      const size = (current ?? files[0])?.size ?? 0;
      if (percent) options.onProgress?.((done + (size * Number(percent)) / 100) / total);
    };
    const keep = ["--flash-mode", "keep", "--flash-freq", "keep", "--flash-size", "keep"];
    const places = files.flatMap(({ offset, path }) => [`0x${offset.toString(16)}`, path]);
    const global = ["--port", port, "--baud", String(options.baud), "--chip", options.chip];
    await this.#run(
      port,
      [...global, "write-flash", ...(options.erase ? ["--erase-all"] : []), ...keep, ...places],
      onLine,
      true,
      AbortSignal.any([this.#signal, swapped.signal]),
    );
    if (found === undefined)
      throw explainEsptool("it did not say which board it wrote", { port, writing: true });
  }

  async #run(
    port: string,
    args: string[],
    onLine: (line: string) => void,
    writing: boolean,
    signal: AbortSignal = this.#signal,
  ): Promise<string[]> {
    signal.throwIfAborted();
    const [program, ...words] = this.#command as [string, ...string[]];
    const lines: string[] = [];
    const child = spawn(program, [...words, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      windowsHide: true,
      env: { ...process.env, ...remotePortEnvironment(port) },
    });
    const stop = () => child.kill();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const ended = new Promise<number | null>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", resolve);
      });
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          lines.push(line.trimEnd());
          if (lines.length > LINES_KEPT) lines.shift();
          onLine(line.trimEnd());
        });
      }
      const code = await ended;
      signal.throwIfAborted();
      if (code !== 0) throw explainEsptool(lines.join("\n"), { port, writing });
      return lines;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}
