// The log of one build: a file of this user alone (0600), the last lines in memory. Writes to the cache folder.
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../toolchain/cache-folder.ts";

/** Lines that an error shows. */
const SHOWN = 40;
/** Logs that are kept. */
const KEPT = 20;
/** A builder that runs wild must not fill the disk with its log (bytes). */
const LARGEST = 32 * 1024 * 1024;

export class BuildLog {
  readonly path: string;
  readonly #file: FileHandle;
  #written = 0;
  #tail: string[] = [];

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** @param name of the builder; part of the file's name */
  static async open(name: string, folder: string = join(cacheFolder(), "logs")): Promise<BuildLog> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeOld(folder);
    const time = new Date().toISOString().replace(/[:.]/g, "-");
    const safe = name.replace(/[^A-Za-z0-9-]+/g, "-");
    const path = join(folder, `${time}-${safe}-${randomBytes(3).toString("hex")}.log`);
    return new BuildLog(path, await open(path, "wx", 0o600));
  }

  async write(lines: string[]): Promise<void> {
    this.#tail = [...this.#tail, ...lines].slice(-SHOWN);
    if (lines.length === 0 || this.#written > LARGEST) return;
    const text = `${lines.join("\n")}\n`;
    this.#written += text.length;
    await this.#file.writeFile(text);
    if (this.#written > LARGEST) await this.#file.writeFile("… the log ends here: it has grown too large\n");
  }

  /** The last lines, each indented for an error message; empty where nothing was said. */
  lastLines(): string {
    return this.#tail.map((line) => `\n  ${line.length > 400 ? `${line.slice(0, 399)}…` : line}`).join("");
  }

  /** What failed, and the last that was said. */
  shortly(failure: string): string {
    const last = this.#tail.findLast((line) => line.trim() !== "")?.trim();
    return last === undefined
      ? failure
      : `${failure}: ${last.length > 400 ? `${last.slice(0, 399)}…` : last}`;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function removeOld(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".log")).sort();
  for (const name of names.slice(0, Math.max(0, names.length - KEPT + 1))) {
    const path = join(folder, name);
    // one that is still written to belongs to a build that is under way
    const info = await stat(path).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > 3600_000) await rm(path, { force: true });
  }
}
