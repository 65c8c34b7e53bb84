// Passphrases of bundles: from a file, or typed at the terminal without being shown.
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { VisibleError } from "../../model/visible-error.ts";

/** The file's first line. */
export async function passphraseFrom(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).split(/\r?\n/, 1)[0] as string;
  } catch (error) {
    throw new VisibleError(`The passphrase file cannot be read: ${(error as Error).message}`, {
      exitCode: 2,
    });
  }
}

export async function askNewPassphrase(): Promise<string> {
  const first = await askPassphrase("Passphrase for the bundle: ");
  if (first !== (await askPassphrase("Once more: ")))
    throw new VisibleError("These were two different passphrases.", { exitCode: 2 });
  return first;
}

export async function askPassphrase(question: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new VisibleError("A bundle needs its passphrase, and nobody is there to be asked.", {
      hint: "Use --passphrase-file.",
      exitCode: 2,
    });
  }
  process.stderr.write(question);
  // readline repeats what is typed on its output, which here is none
  const silent = new Writable({ write: (_piece, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  return new Promise((resolve, reject) => {
    terminal.once("SIGINT", () => {
      terminal.close();
      reject(new VisibleError("Stopped.", { exitCode: 130 }));
    });
    terminal.question("", (answer) => {
      terminal.close();
      process.stderr.write("\n");
      resolve(answer);
    });
  });
}
