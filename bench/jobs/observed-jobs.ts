// What a namespace sees of the Jobs of builders: how many, how many at once, how large their inputs are. By watches, so
// that nothing is missed between two looks.
import { setTimeout as sleep } from "node:timers/promises";
import { KubeConfig, Watch } from "@kubernetes/client-node";
import { JOB_LABEL } from "../../builders/kubernetes-job/contract.ts";
import type { KubernetesObject } from "../../kubernetes/api.ts";

interface Seen extends KubernetesObject {
  spec?: { suspend?: boolean };
  status?: { conditions?: { type: string; status: string }[] };
  data?: Record<string, string>;
}

export class ObservedJobs {
  /** Jobs that were ever there. */
  total = 0;
  /** Most that had begun and not ended at the same moment. */
  most = 0;
  /** Bytes of the largest input. */
  largestInput = 0;
  readonly #running = new Set<string>();
  readonly #known = new Set<string>();
  readonly #over = new AbortController();

  static start(kubeconfig: string, namespace: string): ObservedJobs {
    const observed = new ObservedJobs();
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const follow = (path: string, take: (type: string, object: Seen) => void) =>
      void observed.#follow(new Watch(config), path, take);
    follow(`/apis/batch/v1/namespaces/${namespace}/jobs`, (type, job) => observed.#takeJob(type, job));
    follow(`/api/v1/namespaces/${namespace}/secrets`, (_, secret) => observed.#takeSecret(secret));
    return observed;
  }

  stop(): void {
    this.#over.abort();
  }

  async #follow(watch: Watch, path: string, take: (type: string, object: Seen) => void): Promise<void> {
    while (!this.#over.signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const ended = () => resolve();
      const watching = await watch.watch(path, { labelSelector: JOB_LABEL }, take, ended);
      this.#over.signal.addEventListener("abort", () => watching.abort());
      await promise;
      await sleep(100);
    }
  }

  #takeJob(type: string, { metadata, spec, status }: Seen): void {
    this.#known.add(metadata.name);
    const ended = status?.conditions?.some(
      (one) => /^(Complete|Failed)$/.test(one.type) && one.status === "True",
    );
    if (type === "DELETED" || ended || spec?.suspend) this.#running.delete(metadata.name);
    else this.#running.add(metadata.name);
    this.most = Math.max(this.most, this.#running.size);
    this.total = this.#known.size;
  }

  #takeSecret({ metadata, data = {} }: Seen): void {
    if (!metadata.name.endsWith("-input")) return;
    const bytes = Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text, "base64"), 0);
    this.largestInput = Math.max(this.largestInput, bytes);
  }
}
