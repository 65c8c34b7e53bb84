// The watch of the client library's informer, over our own client: the library's drops a kubeconfig's `tokenFile`, which
// is how a Pod gets in, and throws where nobody catches when credentials cannot be had. Sends one long request a watch.
import type { Watch } from "@kubernetes/client-node";
import { type KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";
import { linesOf } from "../../kubernetes/stream-lines.ts";

export interface ApiWatchOptions {
  /** Asked for each watch: it may have been renewed. */
  api(): KubernetesApi;
  /** The server has begun to answer. */
  opened?(): void;
  /** Something came. */
  heard?(): void;
}

/** For the server to begin its answer. */
const OPEN_MS = 30_000;
/** A bookmark comes each minute: a connection that is silent for longer is dead. */
const SILENT_MS = 90_000;
const GONE = 410;

type Arguments = Parameters<Watch["watch"]>;

export class ApiWatch implements Pick<Watch, "watch"> {
  readonly #options: ApiWatchOptions;

  constructor(options: ApiWatchOptions) {
    this.#options = options;
  }

  /** Never rejects: `done` is told of what fails, and of nothing after the controller that it gives back has aborted. */
  async watch(...[path, query, seen, done]: Arguments): Promise<AbortController> {
    const controller = new AbortController();
    const { signal } = controller;
    this.#follow(path, query, seen, signal).then(
      () => signal.aborted || done(null),
      (error: unknown) => signal.aborted || done(error),
    );
    return controller;
  }

  async #follow(path: string, query: Arguments[1], seen: Arguments[2], ended: AbortSignal): Promise<void> {
    const silence = new AbortController();
    const signal = AbortSignal.any([ended, silence.signal]);
    const opening = setTimeout(() => silence.abort(notAnswered()), OPEN_MS);
    let listening: NodeJS.Timeout | undefined;
    try {
      const stream = await this.#options.api().stream(path, {
        query: { ...query, watch: true, allowWatchBookmarks: true },
        signal,
      });
      clearTimeout(opening);
      // the informer goes on from where it was at once
      listening = setTimeout(() => silence.abort(new DOMException("silent", "TimeoutError")), SILENT_MS);
      this.#options.opened?.();
      for await (const line of linesOf(stream)) {
        listening.refresh();
        this.#options.heard?.();
        // the rest of what was cut off
        if (!line.endsWith("\n")) break;
        take(line, seen);
      }
    } catch (error) {
      throw silence.signal.aborted ? silence.signal.reason : understood(error);
    } finally {
      clearTimeout(opening);
      clearTimeout(listening);
    }
  }
}

function take(line: string, seen: Arguments[2]): void {
  const event = JSON.parse(line) as {
    type: string;
    object: { code?: number; reason?: string; message?: string };
  };
  if (event.type === "ERROR") {
    const { code = 500, reason = "Unknown", message = "The watch failed." } = event.object;
    throw new KubernetesError(code, reason, message);
  }
  seen(event.type, event.object, event);
}

/** As the informer knows that it has to list anew. */
function understood(error: unknown): unknown {
  const isGone = error instanceof KubernetesError && error.status === GONE;
  return isGone ? Object.assign(error, { code: GONE }) : error;
}

function notAnswered(): Error {
  return new Error(`The API server did not begin to answer within ${OPEN_MS / 1000} s.`);
}
