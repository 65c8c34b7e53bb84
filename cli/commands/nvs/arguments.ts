// Arguments that several nvs commands share: sizes, inputs with an output, and keys.
import { Option } from "commander";
import type { NvsKeys } from "../../../builders/nvs/encrypt.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { readInput, STANDARD } from "./files.ts";

/** A size as Espressif's tool takes it (decimal, 0x, 0o, 0b), and with K or M. */
export function parseSize(text: string): number {
  const match = /^(0x[0-9a-f]+|0o[0-7]+|0b[01]+|[0-9]+)([km]?)$/i.exec(text);
  if (!match)
    throw new VisibleError(`the size ${JSON.stringify(text)} is no number`, {
      hint: "give 0x6000, 24576 or 24K",
    });
  const unit = match[2]!.toLowerCase();
  return Number(match[1]) * (unit === "k" ? 1024 : unit === "m" ? 1024 * 1024 : 1);
}

/** IN... OUT SIZE, whose last two are always there. */
export function splitInputs(
  words: readonly string[],
  usage: string,
): { inputs: string[]; output: string; size: number } {
  if (words.length < 3) throw new VisibleError("an input, an output and a size are needed", { hint: usage });
  const inputs = words.slice(0, -2);
  if (inputs.filter((input) => input === STANDARD).length > 1) {
    throw new VisibleError("standard input can be read once only");
  }
  return { inputs, output: words.at(-2)!, size: parseSize(words.at(-1)!) };
}

export function versionOption(): Option {
  return new Option("--version <1|2>", "format version; 1 is for ESP-IDF before 3.3")
    .choices(["1", "2"])
    .default("2");
}

export function outdirOption(): Option {
  return new Option("--outdir <folder>", "folder for the files that are created (default: the current one)");
}

export interface KeySources {
  /** A key partition. */
  key?: string;
  /** The 32 bytes of an HMAC key. */
  hmacKey?: string;
}

/** The keys that `--key` or `--hmac-key` name, if any. */
export async function readKeys({ key, hmacKey }: KeySources): Promise<NvsKeys | undefined> {
  if (key !== undefined && hmacKey !== undefined) throw new VisibleError("give either --key or --hmac-key");
  const { nvsKeysFromHmac, readKeyPartition } = await import("../../../builders/nvs/encrypt.ts");
  if (key !== undefined) return readKeyPartition(await readInput(key));
  return hmacKey === undefined ? undefined : nvsKeysFromHmac(await readInput(hmacKey));
}

/** A count with its noun: 1 page, 2 pages. */
export function count(number: number, noun: string): string {
  if (number === 1) return `1 ${noun}`;
  return `${number} ${noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}
