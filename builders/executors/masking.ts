// Hides secret values in text. Pure.

const MASK = "•••";

/** Replaces given values, also line by line and in their usual encodings. */
export class Masking {
  readonly #needles: string[];
  /** UTF-16 units of the longest value that is looked for. */
  readonly longest: number;

  constructor(values: readonly string[]) {
    this.#needles = [...new Set(values.flatMap(variants))].sort((a, b) => b.length - a.length);
    this.longest = this.#needles[0]?.length ?? 0;
  }

  mask(text: string): string {
    return this.#needles.reduce((masked, needle) => masked.replaceAll(needle, MASK), text);
  }

  /** The largest position of at most `wanted` at which `text` can be cut without cutting through a value. */
  safeCut(text: string, wanted: number): number {
    let cut = wanted;
    for (let changed = true; changed; ) {
      changed = false;
      for (const needle of this.#needles) {
        const from = Math.max(0, cut - needle.length + 1);
        const at = text.indexOf(needle, from);
        if (at >= 0 && at < cut && at + needle.length > cut) {
          cut = at;
          changed = true;
        }
      }
    }
    return cut;
  }
}

function variants(value: string): string[] {
  const bytes = Buffer.from(value);
  // a line of a certificate says something, a brace alone in a line does not
  const lines = value.split(/\r?\n/).filter((line) => line.trim().length >= 4);
  return [
    value,
    value.trim(),
    ...lines.map((line) => line.trim()),
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value.toWellFormed()),
    bytes.toString("base64"),
    bytes.toString("base64url"),
    bytes.toString("hex"),
  ].filter((text) => text !== "");
}
