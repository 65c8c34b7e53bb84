// Faults that a virtual board can have on request, and the ones of them that befall the serial line. Pure.
import { VisibleError } from "../../model/visible-error.ts";

export type Fault =
  /** The byte at this position, counted from 0 over all that the board has been sent, is lost. Once. */
  | { kind: "drop-byte"; at: number }
  /** The cable is pulled, power and all, when this many bytes have been sent to the board; it is
   * back after 10 s. Once. */
  | { kind: "cut"; at: number }
  /** Every MD5 of flash is a wrong one. */
  | { kind: "wrong-md5" }
  /** Every command takes this many milliseconds longer. */
  | { kind: "slow"; milliseconds: number }
  /** The sector that holds this address can neither be erased nor written. */
  | { kind: "bad-block"; address: number };

export const FAULT_FORMS = [
  "drop-byte@N",
  "cut@N",
  "wrong-md5",
  "slow",
  "slow@MILLISECONDS",
  "bad-block@ADDRESS",
];
const SLOW_BY_DEFAULT = 50;

/** Reads one fault such as "cut@65536" or "bad-block@0x10000". @throws VisibleError */
export function parseFault(text: string): Fault {
  const [kind, argument] = split(text);
  if (kind === "wrong-md5" && argument === undefined) return { kind };
  if (kind === "slow" && argument === undefined) return { kind, milliseconds: SLOW_BY_DEFAULT };
  const number = argument === undefined ? undefined : parseNumber(argument);
  if (number !== undefined) {
    if (kind === "drop-byte" || kind === "cut") return { kind, at: number };
    if (kind === "slow" && number <= 60_000) return { kind, milliseconds: number };
    if (kind === "bad-block") return { kind, address: number };
  }
  throw new VisibleError(`"${text}" is no fault; expected ${FAULT_FORMS.join(", ")}`, {
    hint: "N and ADDRESS are decimal or 0x…; slow@ takes at most 60000",
  });
}

function split(text: string): [string, string | undefined] {
  const at = text.indexOf("@");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function parseNumber(text: string): number | undefined {
  if (!/^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) return undefined;
  return Number(text);
}

export function isWrongMd5(faults: Fault[]): boolean {
  return faults.some(({ kind }) => kind === "wrong-md5");
}

export function badSectors(faults: Fault[]): number[] {
  return faults.flatMap((fault) => (fault.kind === "bad-block" ? [fault.address] : []));
}

export function slowness(faults: Fault[]): number {
  return faults.reduce((sum, fault) => sum + (fault.kind === "slow" ? fault.milliseconds : 0), 0);
}

/** The line from the host to the board, with its faults. Each befalls it once. */
export class FaultyLine {
  #position = 0;
  #drops: number[];
  #cuts: number[];

  constructor(faults: Fault[]) {
    const positions = (kind: Fault["kind"]) =>
      faults
        .flatMap((fault) => (fault.kind === kind && "at" in fault ? [fault.at] : []))
        .sort((a, b) => a - b);
    this.#drops = positions("drop-byte");
    this.#cuts = positions("cut");
  }

  /** What of `bytes` arrives, and whether the cable is pulled after it. */
  pass(bytes: Uint8Array): { bytes: Uint8Array; cut: boolean } {
    if (this.#drops.length === 0 && this.#cuts.length === 0) return { bytes, cut: false };
    const start = this.#position;
    const cutAt = this.#cuts[0];
    const cut = cutAt !== undefined && cutAt < start + bytes.length;
    const sent = cut ? bytes.subarray(0, Math.max(cutAt - start, 0)) : bytes;
    if (cut) this.#cuts.shift();
    this.#position += sent.length;
    const lost = new Set<number>();
    while (this.#drops[0] !== undefined && this.#drops[0] < this.#position)
      lost.add(this.#drops.shift()! - start);
    return { bytes: lost.size > 0 ? sent.filter((_, index) => !lost.has(index)) : sent, cut };
  }
}
