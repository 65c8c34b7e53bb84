// Splits CSV text into records, with the line each begins on. Touches nothing.
//
// Its own reader rather than a library's, because the dialect is part of the format: that of Python's csv module
// after a filter that drops lines beginning with '#', but with '#' inside quotes left alone, every record's line
// known, and every mistake reported rather than the first. It takes text in pieces and keeps one record at most.

export interface CsvRow {
  /** Line on which the row begins, from 1. */
  line: number;
  fields: string[];
}

export interface CsvMistake {
  line: number;
  message: string;
}

/** A record longer than this is a quote that was never closed. The longest blob takes 1 MB in hexadecimal. */
const LONGEST_RECORD = 4 * 1024 * 1024;

/** Takes text piece by piece, gives records as they are complete. */
export class CsvReader {
  readonly mistakes: CsvMistake[] = [];
  #rest = "";
  #line = 1;
  #begun = false;
  /** Whether lines end with CR LF, which is then LF within quotes too, as Espressif's tool has it. */
  #windows: boolean | undefined;

  /** The records that `text` completes. */
  push(text: string): CsvRow[] {
    return this.#read(this.#rest + text, false);
  }

  /** The records that are left when there is no more text. */
  end(): CsvRow[] {
    return this.#read(this.#rest, true);
  }

  #read(text: string, final: boolean): CsvRow[] {
    const rows: CsvRow[] = [];
    let at = 0;
    if (!this.#begun && text.length > 0) {
      this.#begun = true;
      if (text.charCodeAt(0) === 0xfeff) at = 1;
    }
    while (at < text.length) {
      const next =
        text[at] === "#" ? this.#skipLine(text, at, final) : this.#readRecord(text, at, final, rows);
      if (next === undefined) break;
      at = next;
    }
    this.#rest = text.slice(at);
    if (this.#rest.length > LONGEST_RECORD) {
      this.mistakes.push({
        line: this.#line,
        message: "the row is longer than 4 MiB: a quote that is never closed?",
      });
      this.#rest = "";
    }
    return rows;
  }

  #skipLine(text: string, at: number, final: boolean): number | undefined {
    let end = at;
    while (end < text.length && text[end] !== "\n" && text[end] !== "\r") end++;
    return this.#endLine(text, end, final);
  }

  /** Where the next line begins, if that is known; counts it. */
  #endLine(text: string, at: number, final: boolean): number | undefined {
    if (at >= text.length) return final ? text.length : undefined;
    if (text[at] === "\r") {
      if (at + 1 >= text.length && !final) return undefined;
      const windows = text[at + 1] === "\n";
      this.#windows ??= windows;
      this.#line++;
      return at + (windows ? 2 : 1);
    }
    this.#windows ??= false;
    this.#line++;
    return at + 1;
  }

  #readRecord(text: string, start: number, final: boolean, rows: CsvRow[]): number | undefined {
    const fields: string[] = [];
    const mistakes: CsvMistake[] = [];
    let inside = 0;
    let at = start;
    for (;;) {
      if (text[at] === '"') {
        const end = closingQuote(text, at + 1);
        if (end === undefined || (end + 1 === text.length && !final)) {
          if (!final) return undefined;
          this.mistakes.push({ line: this.#line + inside, message: "a quote is opened and never closed" });
          return text.length;
        }
        const quoted = text.slice(at + 1, end);
        fields.push(this.#unquote(quoted));
        const line = this.#line + inside;
        inside += countLines(quoted);
        at = fieldEnd(text, end + 1);
        if (at > end + 1) {
          mistakes.push({
            line,
            message: 'a field goes on after its closing quote; a quote within it is written ""',
          });
        }
      } else {
        const end = fieldEnd(text, at);
        fields.push(text.slice(at, end));
        at = end;
      }
      if (text[at] !== ",") break;
      at++;
    }
    const line = this.#line;
    const next = this.#endLine(text, at, final);
    if (next === undefined) return undefined;
    this.#line += inside;
    this.mistakes.push(...mistakes);
    const blank = fields.length === 1 && fields[0] === "" && at === start;
    if (!blank && mistakes.length === 0) rows.push({ line, fields });
    return next;
  }

  #unquote(quoted: string): string {
    const text = this.#windows ? quoted.replaceAll("\r\n", "\n") : quoted;
    return text.includes('"') ? text.replaceAll('""', '"') : text;
  }
}

/** All records of a text. */
export function readCsv(text: string): { rows: CsvRow[]; mistakes: CsvMistake[] } {
  const reader = new CsvReader();
  const rows = [...reader.push(text), ...reader.end()];
  return { rows, mistakes: reader.mistakes };
}

/** Where an unquoted field ends: at a comma, the line's end or the text's. */
function fieldEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 0x2c || code === 0x0a || code === 0x0d) break;
    at++;
  }
  return at;
}

/** The quote that closes a field whose text begins at `from`; undefined if it is not there. */
function closingQuote(text: string, from: number): number | undefined {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return undefined;
}

function countLines(text: string): number {
  return text.match(/\r\n|\r|\n/g)?.length ?? 0;
}
