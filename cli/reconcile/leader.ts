// Leader election among replicas by a Lease, as client-go does it: whoever holds it renews it; who sees it unchanged for
// its whole duration, by a clock of their own, takes it. Writes one Lease.
// https://github.com/kubernetes/client-go, tools/leaderelection/leaderelection.go
import { type KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";
import { pause } from "./pause.ts";

export interface LeaderOptions {
  /** Asked for each request: the connection may be renewed meanwhile. */
  api(): KubernetesApi;
  namespace: string;
  name: string;
  /** Unique to this process. */
  identity: string;
  /** How long a Lease holds that nobody renews. @default 15 */
  leaseSeconds?: number;
  say(line: string): void;
}

interface LeaseObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; resourceVersion?: string };
  spec: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

export class Leader {
  readonly #options: Required<LeaderOptions>;
  #seen: { version: string | undefined; at: number } = { version: undefined, at: 0 };
  /** When a renewal went well last, by this process's clock. */
  #renewedAt = 0;
  #leading: AbortController | undefined;

  constructor(options: LeaderOptions) {
    this.#options = { leaseSeconds: 15, ...options };
  }

  get isLeading(): boolean {
    return this.#leading !== undefined;
  }

  /**
   * Runs `work` whenever this process leads, with a signal that says when it does so no more, until `signal` ends it
   * all. The Lease is given back when work has ended.
   */
  async run(signal: AbortSignal, work: (leading: AbortSignal) => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await this.#acquire(signal);
      if (signal.aborted) return;
      this.#options.say(`Leads, as ${this.#options.identity}.`);
      this.#leading = new AbortController();
      const stopped = AbortSignal.any([signal, this.#leading.signal]);
      const done = new AbortController();
      const renewing = this.#renew(done.signal);
      try {
        await work(stopped);
      } finally {
        done.abort();
        await renewing;
        const lost = this.#leading.signal.aborted;
        this.#leading = undefined;
        if (!lost) await this.#release();
      }
    }
  }

  get #retryMs(): number {
    return (this.#options.leaseSeconds * 1000) / 7.5;
  }

  /** A third of the duration is left for the clocks and requests of others. */
  get #deadlineMs(): number {
    return (this.#options.leaseSeconds * 1000 * 2) / 3;
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#tryToHold().catch(() => false)) return;
      await pause(this.#retryMs * (1 + Math.random() / 5), signal);
    }
  }

  async #renew(done: AbortSignal): Promise<void> {
    while (!done.aborted) {
      await pause(this.#retryMs, done);
      if (done.aborted) return;
      const held = await this.#tryToHold().catch(() => undefined);
      const late = Date.now() - this.#renewedAt > this.#deadlineMs;
      if (held === true || (held === undefined && !late)) continue;
      this.#options.say("Leads no more: the Lease could not be renewed, or is another's.");
      this.#leading?.abort();
      return;
    }
  }

  /** Takes or renews it. False where it is another's. @throws where the API server cannot be asked */
  async #tryToHold(): Promise<boolean> {
    const { namespace, name, identity, leaseSeconds } = this.#options;
    const began = Date.now();
    const now = microTime(began);
    const address = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { namespace, name } };
    const timeout = AbortSignal.timeout(this.#deadlineMs);
    const path = await this.#options.api().pathOf(address);
    const live = await this.#get(path, timeout);
    const held = { holderIdentity: identity, leaseDurationSeconds: leaseSeconds, renewTime: now };
    if (live === undefined) {
      const spec = { ...held, acquireTime: now, leaseTransitions: 0 };
      const collection = path.slice(0, path.lastIndexOf("/"));
      return this.#send("POST", collection, { ...address, spec }, began, timeout);
    }
    const mine = live.spec.holderIdentity === identity;
    if (!mine && !this.#hasExpired(live)) return false;
    const { acquireTime = now, leaseTransitions = 0 } = live.spec;
    const spec = mine
      ? { ...held, acquireTime, leaseTransitions }
      : { ...held, acquireTime: now, leaseTransitions: leaseTransitions + 1 };
    return this.#send("PUT", path, { ...live, spec }, began, timeout);
  }

  /** Somebody else's that was given back, or that nobody has renewed while we watched for its whole duration. */
  #hasExpired({ metadata, spec }: LeaseObject): boolean {
    if (!spec.holderIdentity) return true;
    const version = metadata.resourceVersion;
    if (version !== this.#seen.version) {
      this.#seen = { version, at: Date.now() };
      return false;
    }
    const seconds = spec.leaseDurationSeconds ?? this.#options.leaseSeconds;
    return Date.now() - this.#seen.at > seconds * 1000;
  }

  async #get(path: string, signal: AbortSignal): Promise<LeaseObject | undefined> {
    try {
      return await this.#options.api().request<LeaseObject>("GET", path, { signal });
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** False where another was faster. */
  async #send(method: "POST" | "PUT", path: string, body: object, began: number, signal: AbortSignal) {
    try {
      await this.#options.api().request(method, path, { body, signal });
      this.#renewedAt = began;
      return true;
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 409) return false;
      throw error;
    }
  }

  /** So that the next one need not wait until it has expired. */
  async #release(): Promise<void> {
    const { namespace, name, identity } = this.#options;
    const address = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { namespace, name } };
    try {
      const path = await this.#options.api().pathOf(address);
      const live = await this.#get(path, AbortSignal.timeout(this.#deadlineMs));
      if (live?.spec.holderIdentity !== identity) return;
      const { leaseTransitions = 0 } = live.spec;
      const spec = { holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions };
      await this.#options.api().request("PUT", path, { body: { ...live, spec } });
    } catch {
      // it expires by itself
    }
  }
}

/** MicroTime of Kubernetes. */
function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}
