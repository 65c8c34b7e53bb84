// The real esp-idf-nvs-partition-gen as an oracle: one Python process for all cases, asked over its stdin.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pythonEnvironment } from "../../../../toolchain/python.ts";

export interface OracleCase {
  size: number;
  version: 1 | 2;
  /** 128 hexadecimal digits. */
  key?: string;
  /** Rows for its write_entry(): key, type, encoding, value. */
  rows?: [string, string, string, string][];
  /** Or a whole CSV for its generate(). */
  csv?: string;
}

/** The image, or the name of the exception. */
export type OracleAnswer = { image: Buffer } | { error: string };

export class EspressifGenerator {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  readonly #waiting: { resolve: (answer: OracleAnswer) => void; reject: (error: Error) => void }[] = [];
  #stderr = "";

  private constructor(python: string) {
    const script = fileURLToPath(new URL("espressif_generator.py", import.meta.url));
    this.#child = spawn(python, [script], { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stderr.on("data", (data) => {
      this.#stderr = (this.#stderr + String(data)).slice(-4000);
    });
    this.#child.on("exit", (code) => this.#fail(new Error(`the oracle ended with ${code}: ${this.#stderr}`)));
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#lines.on("line", (line) => {
      const answer = JSON.parse(line) as { image: string } | { error: string };
      const decoded = "image" in answer ? { image: Buffer.from(answer.image, "base64") } : answer;
      this.#waiting.shift()!.resolve(decoded);
    });
  }

  /** Starts the process, in the virtual environment that the toolchain keeps for this tool. */
  static async start(): Promise<EspressifGenerator> {
    const { python } = await pythonEnvironment("esp-idf-nvs-partition-gen");
    return new EspressifGenerator(python);
  }

  generate(oracleCase: OracleCase): Promise<OracleAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(oracleCase)}\n`);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin.end();
    await ended;
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
