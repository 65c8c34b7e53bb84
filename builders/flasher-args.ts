// ESP-IDF's `flasher_args.json`: which file goes to which offset, and how. Reading and writing it. Pure.
// Format: what ESP-IDF's build writes (components/esptool_py/flasher_args.json.in). Older versions spell words
// with "_", newer ones with "-"; both are read.
import { isMap, isScalar, LineCounter, parseDocument, type YAMLMap } from "yaml";
import { formatPath, type Problem, ProblemsError } from "../model/problem.ts";
import { canonicalChipName } from "./chips.ts";

export const FLASHER_ARGS = "flasher_args.json";

export interface FlasherFile {
  /** Bytes from the start of the flash. */
  offset: number;
  /** Relative to flasher_args.json. */
  path: string;
  /** Name that the file has as well: "bootloader", "app", "partition-table", … */
  name?: string;
  /** To be encrypted while it is written. */
  encrypted: boolean;
  /** Where the file says so, for messages. */
  line: number;
}

export interface FlasherArgs {
  /** Canonical: "esp32c3". */
  chip: string;
  /** "dio", …; "keep" where it is not said. */
  mode: string;
  frequency: string;
  /** "4MB", "detect" or "keep". */
  size: string;
  /** By offset. */
  files: FlasherFile[];
}

/** Hexadecimal or decimal, as C has them. */
const NUMBER = /^(0x[0-9a-f]{1,8}|0|[1-9][0-9]{0,9})$/i;
/** Paths go into shell scripts and archives: nothing that either could take for something else. */
const PATH = /^(?![-.])[A-Za-z0-9._-]+(\/(?!\.)[A-Za-z0-9._-]+)*$/;

/** @throws ProblemsError with everything that is wrong in it, by line */
export function parseFlasherArgs(text: string, file: string = FLASHER_ARGS): FlasherArgs {
  const reader = new Reader(text, file);
  const args = reader.read();
  if (reader.problems.length > 0) throw new ProblemsError(reader.problems);
  return args;
}

/** What our own builders write: the same format. */
export function writeFlasherArgs(args: {
  chip: string;
  mode: string;
  frequency: string;
  size: string;
  files: { offset: number; path: string; name?: string }[];
}): string {
  const { chip, mode, frequency, size } = args;
  const files = [...args.files].sort((a, b) => a.offset - b.offset);
  const hex = (offset: number): string => `0x${offset.toString(16)}`;
  const named = files.flatMap(({ name, offset, path }) =>
    name === undefined ? [] : [[name, { offset: hex(offset), file: path, encrypted: "false" }]],
  );
  const value = {
    write_flash_args: ["--flash_mode", mode, "--flash_size", size, "--flash_freq", frequency],
    flash_settings: { flash_mode: mode, flash_size: size, flash_freq: frequency },
    flash_files: Object.fromEntries(files.map(({ offset, path }) => [hex(offset), path])),
    ...Object.fromEntries(named),
    extra_esptool_args: { after: "hard_reset", before: "default_reset", stub: true, chip },
  };
  return `${JSON.stringify(value, null, 4)}\n`;
}

class Reader {
  readonly problems: Problem[] = [];
  readonly #text: string;
  readonly #file: string;
  readonly #lines = new LineCounter();

  constructor(text: string, file: string) {
    this.#text = text.replace(/^\ufeff/, "");
    this.#file = file;
  }

  read(): FlasherArgs {
    const empty: FlasherArgs = { chip: "", mode: "keep", frequency: "keep", size: "keep", files: [] };
    try {
      JSON.parse(this.#text);
    } catch (error) {
      this.#report(0, [], `is not JSON: ${(error as Error).message}`);
      return empty;
    }
    // the same text once more, with positions and with keys that are there twice; JSON is YAML
    const document = parseDocument(this.#text, {
      lineCounter: this.#lines,
      schema: "json",
      uniqueKeys: true,
    });
    for (const error of document.errors) this.#report(error.pos[0], [], error.message.split("\n")[0] ?? "");
    const root = document.contents;
    if (!isMap(root)) {
      this.#report(0, [], "has to be an object");
      return empty;
    }
    const settings = this.#object(root, "flash_settings");
    const extra = this.#object(root, "extra_esptool_args");
    const chip = extra && this.#words(extra, "chip", "extra_esptool_args");
    if (chip === undefined) this.#report(0, ["extra_esptool_args", "chip"], "is missing");
    return {
      chip: canonicalChipName(chip ?? ""),
      mode: this.#setting(root, settings, "flash_mode"),
      frequency: this.#setting(root, settings, "flash_freq"),
      size: this.#setting(root, settings, "flash_size"),
      files: this.#files(root),
    };
  }

  #files(root: YAMLMap): FlasherFile[] {
    const files = this.#object(root, "flash_files");
    if (!files || files.items.length === 0) {
      this.#report(0, ["flash_files"], "is missing or empty: there is nothing to flash");
      return [];
    }
    const found: FlasherFile[] = [];
    for (const { key, value } of files.items) {
      const at = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
      const where = String(isScalar(key) ? key.value : "");
      const path = isScalar(value) ? value.value : undefined;
      if (!NUMBER.test(where)) this.#report(at, ["flash_files", where], "is no offset such as 0x10000");
      else if (typeof path !== "string")
        this.#report(at, ["flash_files", where], "has to be the path of a file");
      else if (!PATH.test(path)) {
        const allowed = 'letters, digits, ".", "_", "-" and "/", inside the folder';
        this.#report(at, ["flash_files", where], `has a path that is not made of ${allowed}`);
      } else
        found.push({ offset: Number(where), path, encrypted: false, line: this.#lines.linePos(at).line });
    }
    this.#names(root, found);
    return found.sort((a, b) => a.offset - b.offset);
  }

  /** Entries such as "app": they say once more where a file goes, and whether it is to be encrypted. */
  #names(root: YAMLMap, files: FlasherFile[]): void {
    for (const { key, value } of root.items) {
      const name = isScalar(key) ? String(key.value) : "";
      if (!isMap(value) || !value.has("file") || !value.has("offset")) continue;
      const at = value.range?.[0] ?? 0;
      const path = value.get("file");
      const file = files.find((one) => one.path === path);
      const offset = String(value.get("offset"));
      if (!file) this.#report(at, [name, "file"], "names a file that flash_files does not have");
      else if (!NUMBER.test(offset) || Number(offset) !== file.offset) {
        this.#report(at, [name, "offset"], `is ${offset}, but flash_files has 0x${file.offset.toString(16)}`);
      } else {
        file.name = name;
        file.encrypted = this.#flag(value, name);
      }
    }
  }

  #flag(entry: YAMLMap, name: string): boolean {
    const value = entry.get("encrypted") ?? false;
    if (value === true || value === "true") return true;
    if (value !== false && value !== "false") {
      this.#report(entry.range?.[0] ?? 0, [name, "encrypted"], 'has to be "true" or "false"');
    }
    return false;
  }

  /** From flash_settings, else from the words of write_flash_args. */
  #setting(root: YAMLMap, settings: YAMLMap | undefined, key: string): string {
    const direct = settings && this.#words(settings, key, "flash_settings");
    if (direct !== undefined) return direct;
    const words = this.#value(root, "write_flash_args");
    const list = listOf(words);
    const at = list.findIndex((word) => typeof word === "string" && spelling(word) === `__${key}`);
    const word = at < 0 ? undefined : list[at + 1];
    return typeof word === "string" ? word : "keep";
  }

  #object(root: YAMLMap, key: string): YAMLMap | undefined {
    const value = this.#value(root, key);
    if (value === undefined || isMap(value)) return value;
    this.#report(0, [key], "has to be an object");
    return undefined;
  }

  #words(map: YAMLMap, key: string, parent: string): string | undefined {
    const value = this.#value(map, key);
    if (value === undefined) return undefined;
    if (isScalar(value) && typeof value.value === "string") return value.value;
    this.#report(map.range?.[0] ?? 0, [parent, key], "has to be text");
    return undefined;
  }

  #value(map: YAMLMap, key: string): unknown {
    return map.items.find((item) => isScalar(item.key) && spelling(String(item.key.value)) === key)?.value;
  }

  #report(at: number, path: string[], message: string): void {
    const { line, col } = this.#lines.lineStarts.length > 0 ? this.#lines.linePos(at) : { line: 1, col: 1 };
    this.problems.push({ file: this.#file, line, column: col, path: formatPath(path), message });
  }
}

function spelling(word: string): string {
  return word.replaceAll("-", "_");
}

function listOf(node: unknown): unknown[] {
  const value = (node as { toJSON?: () => unknown } | undefined)?.toJSON?.();
  return Array.isArray(value) ? value : [];
}
