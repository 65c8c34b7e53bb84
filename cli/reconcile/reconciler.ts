// The reconciler: watches the four kinds, and whenever something changed runs one update of the stack, then writes what
// became of each object into its status. One replica of several does so, the one that holds the Lease.
import { EventRecorder } from "../../kubernetes/events.ts";
import type { KubernetesTarget } from "../../kubernetes/target.ts";
import { KINDS } from "../../model/names.ts";
import type { StackRun } from "../../toolchain/quiet-pulumi.ts";
import { Backoff } from "./backoff.ts";
import { ClusterAccess } from "./cluster-access.ts";
import { Leader, type LeaderOptions } from "./leader.ts";
import { ReconcilerMetrics } from "./metrics.ts";
import { newsOf } from "./news.ts";
import { ObservedObjects } from "./observed-objects.ts";
import { pause } from "./pause.ts";
import { type Judgement, reconcile } from "./reconcile.ts";
import { serve } from "./serve.ts";
import { KindWatch } from "./watch-kind.ts";
import { writeStatuses } from "./write-status.ts";

export interface ReconcilerOptions extends StackRun {
  target: KubernetesTarget;
  /** The DevicesClusters that the stack is about; all where it is left out. */
  clusters: readonly string[] | undefined;
  /** Writes what an update would do into the status, and waits until a person approves it. */
  dryRun: boolean;
  /** Milliseconds without a change before an update begins, so that what is applied together is updated together. */
  quietMs: number;
  /** Milliseconds after which an update runs though nothing changed here: values that it reads may have. */
  resyncMs: number;
  lease: Omit<LeaderOptions, "api" | "say">;
  /** Where /metrics, /healthz and /readyz are served. */
  listen: { host: string; port: number };
  say(line: string): void;
}

/** Changes that never cease must not put off an update for ever. */
const LONGEST_DEBOUNCE = 10;
const RETRY = { first: 5_000, longest: 300_000 };
const LOCKED_RETRY = { first: 2_000, longest: 15_000 };
const STATUS_RETRY = { first: 500, longest: 30_000 };

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #access: ClusterAccess;
  readonly #leader: Leader;
  readonly #objects = new ObservedObjects();
  readonly #watches: KindWatch[];
  readonly #metrics: ReconcilerMetrics;
  /** What people approved, and an update that failed did not finish. */
  #approved: Judgement["approved"];
  readonly #events = new EventRecorder("edgeflock.io/reconciler");

  private constructor(options: ReconcilerOptions, access: ClusterAccess) {
    this.#options = options;
    this.#access = access;
    this.#leader = new Leader({ ...options.lease, api: () => access.api, say: options.say });
    this.#metrics = new ReconcilerMetrics({
      objects: () => this.#objects.all(),
      isLeading: () => this.#leader.isLeading,
      isReady: () => this.#isReady,
    });
    const { say } = options;
    this.#watches = KINDS.map((kind) => {
      const listed = () => this.#metrics.listed(kind);
      const failed = () => this.#metrics.watchFailed(kind);
      return new KindWatch({ access, kind, objects: this.#objects, say, listed, failed });
    });
  }

  static async open(options: ReconcilerOptions): Promise<Reconciler> {
    return new Reconciler(options, await ClusterAccess.open(options.target));
  }

  /** Until the signal: an update that is under way then is ended in order, and the Lease given back. */
  async run(signal: AbortSignal): Promise<void> {
    const { listen, say } = this.#options;
    const serving = await serve({
      ...listen,
      metrics: () => this.#metrics.registry.metrics(),
      notReady: () => (this.#isReady ? undefined : "the four kinds are not all watched"),
    });
    say(`Serves ${serving.url}/metrics, /healthz and /readyz.`);
    for (const watch of this.#watches) watch.start();
    try {
      await this.#leader.run(signal, (leading) => this.#lead(leading));
    } finally {
      await serving.close();
      await Promise.all(this.#watches.map((watch) => watch.stop()));
    }
  }

  /** Has seen every object once and hears of changes. */
  get #isReady(): boolean {
    return this.#watches.every(({ synced, connected }) => synced && connected);
  }

  async #lead(leading: AbortSignal): Promise<void> {
    while (!this.#watches.every(({ synced }) => synced)) {
      if (leading.aborted) return;
      await pause(100, leading);
    }
    const backoffs = { failed: new Backoff(RETRY), locked: new Backoff(LOCKED_RETRY) };
    let done: number | undefined;
    let next = 0;
    while (!leading.aborted) {
      await this.#wake(done, next, leading);
      await this.#settle(leading);
      if (leading.aborted) return;
      const { version } = this.#objects;
      const judgement = await this.#reconcile(leading);
      if (leading.aborted) return;
      done = version;
      const wait = judgement.ended === "done" ? this.#options.resyncMs : backoffs[judgement.ended].next();
      if (judgement.ended === "done") for (const backoff of Object.values(backoffs)) backoff.reset();
      else this.#options.say(`${judgement.summary} Tries again in ${Math.round(wait / 1000)} s.`);
      next = Date.now() + wait;
      void this.#tell(judgement);
      await this.#write(judgement, version, next, leading);
    }
  }

  /** Until something changed since version `done`, or it is time. */
  async #wake(done: number | undefined, at: number, signal: AbortSignal): Promise<void> {
    while (this.#objects.version === done && !signal.aborted) {
      const left = at - Date.now();
      if (left <= 0) return;
      await this.#changeWithin(left, signal);
    }
  }

  /** Until nothing changes any more. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { quietMs } = this.#options;
    const latest = Date.now() + quietMs * LONGEST_DEBOUNCE;
    while (!signal.aborted && Date.now() < latest) {
      const { version } = this.#objects;
      await pause(quietMs, signal);
      if (this.#objects.version === version) return;
    }
  }

  async #changeWithin(milliseconds: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const off = this.#objects.onChange(() => woken.abort());
    // timers of Node end at 2³¹ ms
    await pause(Math.min(milliseconds, 2 ** 31 - 1), AbortSignal.any([signal, woken.signal]));
    off();
  }

  async #reconcile(signal: AbortSignal): Promise<Judgement> {
    const objects = this.#objects.all();
    const { clusters, dryRun, say } = this.#options;
    try {
      const metrics = this.#metrics;
      const approved = this.#approved;
      const options = { ...this.#options, objects, clusters, dryRun, approved, signal, say, metrics };
      const judgement = await reconcile(options);
      this.#approved = judgement.ended === "locked" ? approved : judgement.approved;
      return judgement;
    } catch (error) {
      // A defect here, or a disk that is full: the objects are not to blame, and a later try may do better.
      const summary = `The update could not be run: ${error instanceof Error ? error.message : error}`;
      return { ended: "failed", summary, objects, verdicts: new Map() };
    }
  }

  async #tell({ objects, verdicts }: Judgement): Promise<void> {
    for (const { regarding, occurrence } of newsOf(objects, verdicts)) {
      await this.#events.record(this.#access.api, regarding, occurrence);
    }
  }

  /** Again and again until all is written, or the next update is due, which will write its own. */
  async #write(judgement: Judgement, version: number, due: number, signal: AbortSignal): Promise<void> {
    const { objects, verdicts, previews, usedApproval } = judgement;
    const backoff = new Backoff(STATUS_RETRY);
    do {
      try {
        const writer = { api: this.#access.api, previews, usedApproval };
        const live = (place: string) => this.#objects.get(place);
        const { written, refused } = await writeStatuses(writer, objects, verdicts, live);
        this.#metrics.wroteStatuses(written);
        this.#sayRefused(refused);
        return;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.say(`The status of objects could not be written: ${reason}`);
        await this.#access.renew().catch(() => {});
        await this.#changeWithin(backoff.next(), signal);
      }
    } while (!signal.aborted && Date.now() < due && this.#objects.version === version);
  }

  #sayRefused([first, ...others]: readonly string[]): void {
    if (first === undefined) return;
    const more = others.length > 0 ? ` So it is with ${others.length} more.` : "";
    this.#options.say(`The API server refuses the status of ${first}.${more}`);
  }
}
