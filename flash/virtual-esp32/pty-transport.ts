// The serial port of a virtual board as a pseudo terminal, through a small Python process (pty-bridge.py).
// A pty has no DTR and RTS: like a bare socket, it boots when the flasher has closed it.
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { VisibleError } from "../../model/visible-error.ts";
import type { Board } from "./board.ts";
import type { SerialLink } from "./serial-link.ts";

const BRIDGE = fileURLToPath(new URL("./pty-bridge.py", import.meta.url));
const HEADER_SIZE = 5;
/** A client that reads nothing loses output beyond this many bytes. */
const SEND_LIMIT = 1 << 20;

export interface PtyTransport {
  /** Such as /dev/pts/5. */
  path: string;
  close(): Promise<void>;
}

/** What the bridge says, one after the other. */
interface BridgeRecord {
  kind: "P" | "O" | "D" | "C";
  content: Buffer;
}

/** @throws VisibleError when there is no Python 3, or no pseudo terminal to be had. */
export async function openPty(board: Board): Promise<PtyTransport> {
  const child = spawn("python3", ["-I", BRIDGE], { stdio: ["pipe", "pipe", "ignore"] });
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  const failed = new Promise<never>((_, reject) => {
    const hint = "a pty needs python3 and a POSIX system; without --pty the board listens on TCP";
    child.once("error", (error) =>
      reject(new VisibleError(`cannot start python3: ${error.message}`, { hint })),
    );
    child.once("exit", (code) => {
      reject(new VisibleError(`python3 could not open a pseudo terminal (exit code ${code})`, { hint }));
    });
  });
  failed.catch(() => {}); // it also fails when the board stops, which is no error
  for (const stream of [child.stdin, child.stdout]) stream?.on("error", () => {});
  const records = readRecords(child.stdout as Readable);
  const first = await Promise.race([records.next(), failed]);
  void serve(board, child.stdin as Writable, records);
  return { path: String(first.value?.content), close: () => close(child, exited) };
}

async function serve(board: Board, input: Writable, records: AsyncIterable<BridgeRecord>): Promise<void> {
  let link: SerialLink | undefined;
  for await (const { kind, content } of records) {
    if (kind === "D" && link) await board.receive(link, content);
    if (kind === "C" && link) board.detach(link);
    if (kind === "O") link = newLink(input);
    if (kind === "O" && link && !board.attach(link)) link = undefined;
  }
}

function newLink(input: Writable): SerialLink {
  return {
    kind: "bare",
    send(bytes) {
      if (!input.destroyed && input.writableLength < SEND_LIMIT) input.write(bytes);
    },
    cut() {},
  };
}

async function* readRecords(output: Readable): AsyncGenerator<BridgeRecord> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of output as AsyncIterable<Buffer>) {
    // ends with the bridge
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_SIZE) {
      const end = HEADER_SIZE + rest.readUInt32BE(1);
      if (rest.length < end) break;
      const kind = String.fromCharCode(rest[0]!) as BridgeRecord["kind"];
      yield { kind, content: rest.subarray(HEADER_SIZE, end) };
      rest = rest.subarray(end);
    }
  }
}

async function close(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.stdin?.destroy();
  child.kill();
  await exited;
}
