// What is known of a project's own broker: which process, on which port. Reads and writes one file.
import { readFile } from "node:fs/promises";
import { fateOf } from "../../builders/process-identity.ts";
import { writePrivateFile } from "../write-private-file.ts";
import type { BrokerPaths } from "./paths.ts";

export type Program = "mosquitto" | "aedes";

export interface BrokerState {
  program: Program;
  port: number;
  pid: number;
  /** Tells the process from a later one of the same id. */
  identity: string;
  startedAt: string;
}

/** As it was last started, whether it still runs or not. */
export async function readState(paths: BrokerPaths): Promise<BrokerState | undefined> {
  try {
    return JSON.parse(await readFile(paths.state, "utf8")) as BrokerState;
  } catch {
    return undefined;
  }
}

export async function writeState(paths: BrokerPaths, state: BrokerState): Promise<void> {
  await writePrivateFile(paths.state, `${JSON.stringify(state, null, 2)}\n`);
}

export function runs(state: BrokerState | undefined): boolean {
  return state !== undefined && fateOf(state.identity) === "running";
}
