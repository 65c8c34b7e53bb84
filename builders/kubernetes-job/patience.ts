// What to do about servers that are away for a while, whose Jobs go on: the API server, and the artefact store. Waits.
import { setTimeout as sleep } from "node:timers/promises";
import { KubernetesError } from "../../kubernetes/api.ts";

/** How long a server may be away (ms). */
export const PATIENCE = 15 * 60_000;
/** A server that comes up may not know for a moment who may do what (ms). */
const RIGHTS_PATIENCE = 30_000;
const LONGEST_PAUSE = 10_000;
const NETWORK =
  /^(ECONN\w+|ENOTFOUND|EAI_\w+|ETIMEDOUT|EHOST\w+|ENET\w+|EPIPE|ABORT_ERR|UND_ERR_\w+|ERR_STREAM_PREMATURE_CLOSE)$/;

export interface Waiting {
  signal: AbortSignal;
  /** Tells the person what is waited for. */
  note(text: string): void;
}

/**
 * Whether a server that answered or failed to answer so may answer otherwise in a while.
 * @param since milliseconds since the last answer
 */
export function isAway(error: unknown, since: number): boolean {
  const status = statusOf(error);
  if (status === undefined) return isOfNetwork(error) && since < PATIENCE;
  if (status === 401 || status === 403) return since < RIGHTS_PATIENCE;
  return (status >= 500 || status === 429 || status === 408) && since < PATIENCE;
}

/** Tries until the server is there. `attempt` must be good to be done again. */
export async function patiently<T>(
  who: string,
  attempt: () => Promise<T>,
  { signal, note }: Waiting,
): Promise<T> {
  const began = Date.now();
  for (let pause = 500; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted || !isAway(error, Date.now() - began)) throw error;
      note(`${who} does not answer; the Job goes on`);
      await sleep(pause, undefined, { signal });
    }
  }
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof KubernetesError) return error.status;
  const { $metadata, cause } = error as { $metadata?: { httpStatusCode?: number }; cause?: unknown };
  return $metadata?.httpStatusCode ?? (cause instanceof Error ? statusOf(cause) : undefined);
}

/** A connection that did not come about, or broke: by its code, which Node gives or hides in the cause. */
function isOfNetwork(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === "string" && NETWORK.test(code)) return true;
  if (error instanceof Error && error.name === "TimeoutError") return true;
  return cause instanceof Error && isOfNetwork(cause);
}
