// Cuts a program's output into lines that are safe to show: valid text, no control characters, secrets masked.
// Pure; holds what has not yet become a line.
import { StringDecoder } from "node:string_decoder";
import { stripVTControlCharacters } from "node:util";
import type { Masking } from "./masking.ts";

/** A line that has no end is cut here. */
const LONGEST_LINE = 16_384;

export class OutputLines {
  readonly #decoder = new StringDecoder("utf8");
  readonly #masking: Masking;
  #rest = "";

  constructor(masking: Masking) {
    this.#masking = masking;
  }

  /** @returns the lines that are whole now */
  push(chunk: Uint8Array): string[] {
    this.#rest += this.#decoder.write(chunk as Buffer);
    // a carriage return alone redraws a line: each drawing counts as one
    const lines = this.#rest.split(/\r\n|[\r\n]/);
    // a \r at the end may be half of a line's end, which would yield one empty line more: harmless
    this.#rest = lines.pop() ?? "";
    const done = lines.map((line) => this.#clean(line));
    while (this.#rest.length > LONGEST_LINE + this.#masking.longest) done.push(this.#cutRest());
    return done.filter((line, index) => line !== "" || done[index - 1] !== "");
  }

  /** @returns what was left without an end of line */
  end(): string[] {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = "";
    return rest === "" ? [] : [this.#clean(rest)];
  }

  #cutRest(): string {
    // no value may straddle the cut, or neither half would be recognised
    const cut = this.#masking.safeCut(this.#rest, LONGEST_LINE) || LONGEST_LINE + this.#masking.longest;
    const line = this.#clean(this.#rest.slice(0, cut));
    this.#rest = this.#rest.slice(cut);
    return line;
  }

  #clean(line: string): string {
    // control characters go before values are looked for: they could stand in the middle of one
    const text = stripVTControlCharacters(line).replace(/(?!\t)\p{Cc}/gu, "");
    return this.#masking.mask(text);
  }
}
