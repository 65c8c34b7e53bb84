// Follows the log of a container line by line, over connections that break. Asks the API server.
import { setTimeout as sleep } from "node:timers/promises";
import { type KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";
import { linesOf } from "../../kubernetes/stream-lines.ts";

export interface LogPlace {
  namespace: string;
  pod: string;
  container: string;
}

/** `2026-11-26T04:43:01.123456789Z text` */
const STAMPED = /^(\S+) ?([\s\S]*)$/;
const AGAIN_AFTER = 500;
/** Characters; nobody reads on, and memory is finite. */
const LONGEST_LINE = 64 * 1024;
/** The server knows a container a moment before its node does. */
const TRIES = 20;

/**
 * Hands over everything that the container says until it ends. Resolves as well where its log is gone.
 * @param take gets text with its ends of lines, each line once
 */
export async function followLog(
  api: KubernetesApi,
  { namespace, pod, container }: LogPlace,
  take: (text: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log`;
  let last = "";
  for (let failed = 0; failed < TRIES && !signal.aborted; ) {
    try {
      const sinceTime = last === "" ? undefined : last.replace(/\.\d+Z$/, "Z");
      const query = { container, follow: true, timestamps: true, sinceTime };
      const stream = await api.stream(path, { query, signal });
      for await (const line of linesOf(stream, { longest: LONGEST_LINE })) {
        failed = 0;
        const [, stamp = "", text = ""] = STAMPED.exec(line) ?? [];
        // a second is the finest that can be asked for: what was had already comes again
        if (stamp <= last) continue;
        last = stamp;
        await take(text);
      }
      return;
    } catch (error) {
      if (signal.aborted || (error instanceof KubernetesError && error.status === 404)) return;
      failed++;
      await sleep(AGAIN_AFTER, undefined, { signal }).catch(() => {});
    }
  }
}
