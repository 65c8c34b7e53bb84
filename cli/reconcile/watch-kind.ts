// Keeps one kind's objects as the cluster has them: lists them, watches them, goes on from where a watch ended, lists
// again where that is too long ago, and waits longer and longer while the API server cannot be reached.
import { type KubernetesObject, ListWatch, type Watch } from "@kubernetes/client-node";
import { KIND_FACTS } from "../../model/custom-resources/definitions.ts";
import { API_VERSION, type Kind } from "../../model/names.ts";
import { ApiWatch } from "./api-watch.ts";
import { Backoff } from "./backoff.ts";
import type { ClusterAccess } from "./cluster-access.ts";
import type { ObservedObject, ObservedObjects } from "./observed-objects.ts";

const PAGE = 500;

export interface KindWatchOptions {
  access: Pick<ClusterAccess, "api" | "renew">;
  kind: Kind;
  objects: ObservedObjects;
  say(line: string): void;
  /** Told of each time that the kind is listed anew. */
  listed(): void;
  /** Told of each watch that broke. */
  failed(): void;
}

export class KindWatch {
  readonly #options: KindWatchOptions;
  readonly #informer: ListWatch<KubernetesObject>;
  readonly #backoff = new Backoff({ first: 500, longest: 30_000 });
  readonly #path: string;
  #again: NodeJS.Timeout | undefined;
  #synced = false;
  #connected = false;
  #stopped = false;

  constructor(options: KindWatchOptions) {
    this.#options = options;
    this.#path = `/apis/${API_VERSION}/${KIND_FACTS[options.kind].plural}`;
    const list = () => this.#list();
    const watch = new ApiWatch({
      api: () => options.access.api,
      opened: () => {
        this.#connected = true;
      },
      heard: () => this.#backoff.reset(),
    });
    this.#informer = new ListWatch(this.#path, watch as Pick<Watch, "watch"> as Watch, list as never, false);
    for (const verb of ["add", "update"] as const) {
      this.#informer.on(verb, (object) => this.#seen(object as unknown as ObservedObject));
    }
    this.#informer.on("delete", (object) => this.#gone(object as unknown as ObservedObject));
    this.#informer.on("error", (error) => this.#failed(error));
  }

  /** All objects were seen once: before that, what is not there yet would look like what was deleted. */
  get synced(): boolean {
    return this.#synced;
  }

  /** A watch is open: changes are heard of. */
  get connected(): boolean {
    return this.#connected;
  }

  start(): void {
    // what fails comes as the event "error", but for a defect
    this.#informer.start().catch((error: unknown) => this.#failed(error));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#again);
    await this.#informer.stop();
  }

  #seen(object: ObservedObject): void {
    slim(object, this.#options.kind);
    this.#options.objects.put(object);
  }

  #gone(object: ObservedObject): void {
    this.#options.objects.remove({ kind: this.#options.kind, metadata: object.metadata });
  }

  /** In pages, all of one resource version. */
  async #list(): Promise<{ metadata: { resourceVersion: string }; items: KubernetesObject[] }> {
    const { access, kind } = this.#options;
    const items: KubernetesObject[] = [];
    let next: string | undefined;
    let resourceVersion = "";
    do {
      const page = await access.api.request<ObjectList>("GET", this.#path, {
        query: { limit: PAGE, continue: next },
      });
      for (const item of page.items ?? []) items.push(slim(item, kind) as unknown as KubernetesObject);
      resourceVersion = page.metadata.resourceVersion;
      next = page.metadata.continue || undefined;
    } while (next);
    // The informer takes them over as soon as this resolves, before anything else can run.
    setImmediate(() => {
      this.#synced = true;
      this.#options.listed();
    });
    return { metadata: { resourceVersion }, items };
  }

  #failed(error: unknown): void {
    this.#connected = false;
    if (this.#stopped) return;
    this.#options.failed();
    const wait = this.#backoff.next();
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.say(
      `Watching ${KIND_FACTS[this.#options.kind].plural} failed, again in ${(wait / 1000).toFixed(1)} s: ${reason}`,
    );
    this.#again = setTimeout(async () => {
      await this.#options.access.renew().catch(() => {});
      if (!this.#stopped) this.start();
    }, wait);
  }
}

interface ObjectList {
  metadata: { resourceVersion: string; continue?: string };
  items: ObservedObject[] | null;
}

/** Without what nobody here reads and what would take most of the memory; says its kind, which lists leave out. */
function slim(object: ObservedObject, kind: Kind): ObservedObject {
  const { metadata } = object as { metadata: Record<string, unknown> };
  delete metadata.managedFields;
  const annotations = metadata.annotations as Record<string, string> | undefined;
  // kubectl apply keeps the whole object in here once more
  if (annotations) delete annotations["kubectl.kubernetes.io/last-applied-configuration"];
  return Object.assign(object, { apiVersion: API_VERSION, kind });
}
