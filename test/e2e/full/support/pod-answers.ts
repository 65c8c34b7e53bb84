// Lets builders' pods end well on an API server without a node: reports of each what its node would, and writes what its
// upload would. What makes and counts pods is Kubernetes' own controller of Jobs.
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { packArchive } from "../../../../builders/artifact-archive.ts";
import { CONTAINERS, JOB_LABEL } from "../../../../builders/kubernetes-job/contract.ts";
import { type JobObject, outcomeOf } from "../../../../builders/kubernetes-job/job-status.ts";
import { jobObjectNames } from "../../../../builders/kubernetes-job/names.ts";
import type { KubernetesApi, KubernetesObject } from "../../../../kubernetes/api.ts";

interface Pod extends KubernetesObject {
  status?: { phase?: string };
}

/** A Job as it was first seen. */
export interface SeenJob {
  name: string;
  /** Milliseconds. */
  created: number;
  /** Words that its builder runs. */
  command: string;
}

export class PodAnswers {
  /** While it is true, pods go on running. */
  hold = false;
  readonly jobs = new Map<string, SeenJob>();
  /** Most Jobs that had begun and not ended, in any look. */
  most = 0;
  readonly #api: KubernetesApi;
  readonly #namespace: string;
  readonly #files: Map<string, Uint8Array>;
  readonly #over = new AbortController();
  readonly #looking: Promise<void>;

  /** @param files of each Job's upload */
  constructor(api: KubernetesApi, namespace: string, files: Record<string, Uint8Array>) {
    this.#api = api;
    this.#namespace = namespace;
    this.#files = new Map(Object.entries(files));
    this.#looking = this.#run();
  }

  async end(): Promise<void> {
    this.#over.abort();
    await this.#looking;
  }

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const jobs = await this.#list<JobObject>("batch/v1", "Job");
      const running = jobs.filter((job) => !job.spec.suspend && outcomeOf(job) === "running");
      this.most = Math.max(this.most, running.length);
      for (const job of jobs) this.#remember(job);
      if (!this.hold) for (const pod of await this.#list<Pod>("v1", "Pod")) await this.#answer(pod);
      await sleep(100);
    }
  }

  #list<T>(apiVersion: string, kind: string): Promise<T[]> {
    return this.#api.list<T>({ apiVersion, kind, namespace: this.#namespace }, { labelSelector: JOB_LABEL });
  }

  #remember({ metadata, spec }: JobObject): void {
    const { name, creationTimestamp } = metadata;
    const { template } = spec as unknown as {
      template: { spec: { initContainers: { args?: string[] }[] } };
    };
    const command = (template.spec.initContainers[1]!.args ?? []).join(" ");
    this.jobs.set(name, { name, command, created: Date.parse(String(creationTimestamp)) });
  }

  async #answer({ metadata, status }: Pod): Promise<void> {
    if (/Succeeded|Failed/.test(status?.phase ?? "") || metadata.deletionTimestamp !== undefined) return;
    const bytes = gzipSync(packArchive(this.#files));
    const part = bytes.toString("base64");
    const report = {
      sha256: createHash("sha256").update(bytes).digest("hex"),
      ...{ size: bytes.length, parts: 1 },
    };
    const job = metadata.labels![JOB_LABEL]!;
    const upload = `/api/v1/namespaces/${this.#namespace}/${job.startsWith("config") ? "secrets" : "configmaps"}`;
    const field = job.startsWith("config") ? "data" : "binaryData";
    await this.#patch(`${upload}/${jobObjectNames(job).output(0)}`, { [field]: { part } });
    const terminated = { exitCode: 0, reason: "Completed", message: JSON.stringify(report) };
    const containerStatuses = [{ name: CONTAINERS.upload, image: "i", imageID: "i", state: { terminated } }];
    const path = `/api/v1/namespaces/${this.#namespace}/pods/${metadata.name}/status`;
    await this.#patch(path, { status: { phase: "Succeeded", containerStatuses } });
  }

  async #patch(path: string, body: unknown): Promise<void> {
    await this.#api.request("PATCH", path, { body, contentType: "application/merge-patch+json" });
  }
}
