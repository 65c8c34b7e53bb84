// The work folder of one build (design §5): input/ for the builder to read, output/ for it to write.
// Lives in the cache folder, belongs to this user alone (0700), and goes away on every path that can run code.

import { createHash, randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";
import { cacheFolder } from "../toolchain/cache-folder.ts";
import type { Json } from "./contract.ts";
import { endStragglers } from "./executors/stragglers.ts";
import { checkoutGit } from "./git-source.ts";
import type { GitSource } from "./kubernetes-job/contract.ts";
import { fateOf, processIdentity } from "./process-identity.ts";
import { copySourceTree, hashSourceTree } from "./source-tree.ts";

export interface WorkInput {
  source?: string | undefined;
  /** The source, where it is fetched. */
  git?: GitSource;
  /** Becomes args.json. */
  args: Record<string, Json>;
  /** Becomes class.json: what the builder should know of the class. */
  classFacts: Record<string, Json>;
  /** Becomes settings.json, for builders of configuration images. */
  settings?: Json;
  secrets: Record<string, string>;
}

/** What may be in input/. */
const INPUTS = ["args.json", "class.json", "secrets", "settings.json", "source"];

/** A secret's key becomes a file's name. */
const SECRET_KEY = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** A cache folder may be shared by machines and containers: what is theirs is left alone for two days (ms). */
const ABANDONED_AFTER = 2 * 24 * 3600 * 1000;

/** Those of this process, for its end. */
const live = new Set<string>();
let watchingExit = false;

export class WorkFolder {
  readonly path: string;
  /** Marks the processes of this build, in their environment. */
  readonly mark: string;
  #sourceHash: string | undefined;
  #inputs = new Map<string, string>();

  private constructor(path: string, mark: string) {
    this.path = path;
    this.mark = mark;
  }

  get output(): string {
    return join(this.path, "output");
  }

  /** A copy of the source; empty where there is none. */
  get source(): string {
    return join(this.path, "input", "source");
  }

  /** For the builder's temporary files. */
  get temporary(): string {
    return join(this.path, "tmp");
  }

  /** Makes a folder with its inputs. Sweeps what killed processes left. */
  static async create(input: WorkInput, root: string = workRoot()): Promise<WorkFolder> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    await sweepWorkFolders(root);
    const mark = `${processIdentity()}-${randomBytes(6).toString("hex")}`;
    const work = new WorkFolder(join(root, mark), mark);
    live.add(work.path);
    if (!watchingExit) process.on("exit", removeLive);
    watchingExit = true;
    try {
      await work.#fill(input);
    } catch (error) {
      await work.remove();
      throw error;
    }
    return work;
  }

  async #fill(input: WorkInput): Promise<void> {
    const secrets = join(this.path, "input", "secrets");
    await mkdir(this.path, { mode: 0o700 });
    await mkdir(join(this.path, "input"));
    await mkdir(secrets, { mode: 0o700 });
    await mkdir(this.output);
    await mkdir(this.temporary, { mode: 0o700 });
    for (const [key, value] of Object.entries(input.secrets)) {
      if (!SECRET_KEY.test(key)) {
        throw new VisibleError(`the secret's key ${JSON.stringify(key)} cannot be the name of a file`);
      }
      await writeFile(join(secrets, key), value, { mode: 0o600, flag: "wx" });
    }
    const { source } = this;
    if (input.git) {
      const fetched = join(this.temporary, "source");
      await mkdir(fetched);
      await checkoutGit(input.git, fetched, this.temporary);
      await copySourceTree(fetched, source);
      await removeFolder(fetched);
    } else if (input.source !== undefined) await copySourceTree(input.source, source);
    else await mkdir(source, { mode: 0o555 });
    if (input.git || input.source !== undefined) this.#sourceHash = await hashSourceTree(source);
    await writeFile(join(this.path, "input", "args.json"), json(input.args), { mode: 0o444 });
    await writeFile(join(this.path, "input", "class.json"), json(input.classFacts), { mode: 0o444 });
    if (input.settings !== undefined) {
      await writeFile(join(this.path, "input", "settings.json"), json(input.settings), { mode: 0o444 });
    }
    this.#inputs = await fingerprints(join(this.path, "input"));
  }

  /** @throws VisibleError where the builder changed its input or wrote beside output/ */
  async checkBoundaries(): Promise<void> {
    const strays = [
      ...(await strangers(this.path, ["input", "output", "tmp"])),
      ...(await strangers(join(this.path, "input"), INPUTS)).map((name) => `input/${name}`),
    ];
    if (strays.length > 0) {
      throw new VisibleError(`the builder wrote outside of output/: ${strays.sort().join(", ")}`, {
        hint: "results belong into output/, temporary files into $TMPDIR",
      });
    }
    const now = await fingerprints(join(this.path, "input"));
    const names = [...new Set([...now.keys(), ...this.#inputs.keys()])];
    const changed = names.filter((name) => now.get(name) !== this.#inputs.get(name)).sort();
    if (changed.length > 0) {
      const files = changed.map((name) => `input/${name}`).join(", ");
      throw new VisibleError(`the builder changed its input, which is for reading only: ${files}`, {
        hint: "results belong into output/, temporary files into $TMPDIR",
      });
    }
    const { source } = this;
    if (this.#sourceHash !== undefined && (await hashSourceTree(source)) !== this.#sourceHash) {
      throw new VisibleError("the builder changed its sources in input/source, which are for reading only", {
        hint: "build in $TMPDIR or output/ instead",
      });
    }
  }

  async remove(): Promise<void> {
    await removeFolder(this.path);
    live.delete(this.path);
  }
}

/** Removes the folders, secrets and processes of builds whose owner is gone. */
export async function sweepWorkFolders(root: string = workRoot()): Promise<void> {
  for (const name of await readdir(root).catch(() => [])) {
    const fate = fateOf(name);
    if (fate === "running") continue;
    if (fate === "elsewhere" && !(await isOlder(join(root, name), ABANDONED_AFTER))) continue;
    await endStragglers(name);
    await removeFolder(join(root, name));
  }
}

function workRoot(): string {
  return join(cacheFolder(), "work");
}

async function isOlder(path: string, age: number): Promise<boolean> {
  const info = await lstat(path).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > age;
}

async function strangers(folder: string, known: string[]): Promise<string[]> {
  return (await readdir(folder)).filter((name) => !known.includes(name));
}

/** What the files of input/ hold, by name, without the sources: their digest, or what they are instead of a file. */
async function fingerprints(input: string): Promise<Map<string, string>> {
  const secrets = await readdir(join(input, "secrets")).catch(() => []);
  const names = [
    ...INPUTS.filter((name) => name.endsWith(".json")),
    ...secrets.map((key) => `secrets/${key}`),
  ];
  const found = new Map<string, string>();
  for (const name of names) {
    const info = await lstat(join(input, name)).catch(() => undefined);
    if (!info) continue;
    // what a link leads to is none of ours to read
    const bytes = info.isFile() ? await readFile(join(input, name)).catch(() => undefined) : undefined;
    found.set(name, bytes ? createHash("sha256").update(bytes).digest("hex") : "no file that can be read");
  }
  return found;
}

async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(async () => {
    // folders that nobody may write to, input/source for one, cannot be emptied
    await makeWritable(path);
    await rm(path, { recursive: true, force: true });
  });
}

async function makeWritable(path: string): Promise<void> {
  const info = await lstat(path).catch(() => undefined);
  if (!info?.isDirectory()) return;
  await chmod(path, 0o700);
  for (const name of await readdir(path)) await makeWritable(join(path, name));
}

/** The last thing a process does: secrets first, since the sources may resist. */
function removeLive(): void {
  for (const path of live) {
    for (const part of [join(path, "input", "secrets"), path]) {
      try {
        rmSync(part, { recursive: true, force: true });
      } catch {
        // what is left holds no secret, and the next start sweeps it
      }
    }
  }
}

function json(value: Json): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
