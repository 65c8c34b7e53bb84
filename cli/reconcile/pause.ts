// A wait that whoever asked for it may cut short. Touches nothing.
import { setTimeout as sleep } from "node:timers/promises";

/** Ends early, and quietly, with the signal. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {});
}
