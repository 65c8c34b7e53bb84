// The benchmark's peer process: Espressif's generator, asked over its standard input. Starts one Python process.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pythonEnvironment } from "../../toolchain/python.ts";

export interface PeerTask {
  what: "api" | "encrypted api" | "generate";
  rounds: number;
  rows: readonly (readonly string[])[];
  csv: string;
  key: string;
}

export interface Peer {
  /** Microseconds of each round. */
  times(task: PeerTask): Promise<number[]>;
  stop(): void;
}

export async function startPeer(): Promise<Peer> {
  const { python } = await pythonEnvironment("esp-idf-nvs-partition-gen");
  const script = fileURLToPath(new URL("espressif.py", import.meta.url));
  const child = spawn(python, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async times(task) {
      child.stdin.write(`${JSON.stringify(task)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error("the peer process ended");
      return JSON.parse(value) as number[];
    },
    stop: () => child.stdin.end(),
  };
}
