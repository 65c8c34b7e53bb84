// Who waits for a Job: an annotation each, named after the process, with a time that is renewed. The last one to go may
// take the Job along. Asks this machine whether a process lives.
import { randomBytes } from "node:crypto";
import { fateOf, processIdentity } from "../process-identity.ts";

const PREFIX = "waiter.edgeflock.io/";
/** Milliseconds between two signs of life. */
export const RENEW_EVERY = 20_000;
/** Whoever gave none for so long is gone; clocks may differ a little (ms). */
const STALE_AFTER = 180_000;

export function newWaiter(): string {
  return `${PREFIX}${processIdentity()}-${randomBytes(4).toString("hex")}`;
}

export function signOfLife(waiter: string, now: Date = new Date()): Record<string, string> {
  return { [waiter]: now.toISOString() };
}

/** Whether anybody but this one waits for it. */
export function othersWait(
  annotations: Record<string, string> | undefined,
  waiter: string,
  now: number = Date.now(),
): boolean {
  return Object.entries(annotations ?? {}).some(
    ([name, time]) =>
      name.startsWith(PREFIX) &&
      name !== waiter &&
      Math.abs(now - Date.parse(time)) < STALE_AFTER &&
      // one that was killed here is gone at once
      fateOf(name.slice(PREFIX.length)) !== "gone",
  );
}
