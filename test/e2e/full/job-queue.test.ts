// Many builders as Jobs at once, on a real API server with Kubernetes' own controller of Jobs and no node: they queue
// under the limit of an update, and under what their namespace has room for.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import type { ExecutorJob } from "../../../builders/contract.ts";
import { JOB_LABEL } from "../../../builders/kubernetes-job/contract.ts";
import { KubernetesJobExecutor } from "../../../builders/kubernetes-job/executor.ts";
import type { JobObject } from "../../../builders/kubernetes-job/job-status.ts";
import { jobObjectNames } from "../../../builders/kubernetes-job/names.ts";
import { TurnQueue } from "../../../builders/turn-queue.ts";
import { connect, type KubernetesApi, type KubernetesObject } from "../../../kubernetes/api.ts";
import { soundFirmware, temporaryCache, workFolder } from "../../builders/support.ts";
import { cluster, deviceClass } from "../manifests.ts";
import { TestProject } from "../test-project.ts";
import { leftOfJobs } from "./support/left-of-jobs.ts";
import { PodAnswers } from "./support/pod-answers.ts";

const IMAGE = `registry.example/image@sha256:${"0".repeat(64)}`;
const LIMIT = 4;

describe("a hundred classes whose firmware is built by Jobs", () => {
  it("never have more Jobs at a time than the limit, and start by priority", async () => {
    await using project = await TestProject.create();
    await project.mustPulumi("config", "set", "edgeflock:jobSteps", IMAGE);
    const files = Object.entries(soundFirmware()).map(([name, bytes]) => [`0/${name}`, bytes]);
    const classes = Array.from({ length: 100 }, (_, index) => `class-${index}`);
    const priorityOf = (index: number) => index % 5;
    await project.manifests([
      cluster(project.id),
      ...classes.map((name, index) =>
        deviceClass(name, {
          firmware: {
            executor: "kubernetes-job",
            builder: { name: "command", args: { command: ["/bin/sh", "-c", `: ${project.id} ${name};`] } },
            container: { image: IMAGE },
            job: { priority: priorityOf(index) },
          },
        }),
      ),
    ]);
    const answers = new PodAnswers(project.api, project.id, Object.fromEntries(files));
    answers.hold = true;
    const log = join(project.folder, "events.json");
    const begun = async (): Promise<number> => {
      const lines = existsSync(log) ? (await readFile(log, "utf8")).split("\n") : [];
      return lines.filter((line) => /"resourcePreEvent".*"op":"create".*edgeflock:Firmware"/.test(line))
        .length;
    };
    try {
      const up = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--event-log", log];
      const running = project.startEdgeflock(up, { PULUMI_DEBUG_COMMANDS: "true" });
      await expect.poll(begun, { timeout: 180_000, interval: 500 }).toBe(100);
      await expect.poll(() => answers.jobs.size, { timeout: 60_000 }).toBe(LIMIT);
      answers.hold = false;
      const { exitCode, stdout, stderr } = await running;
      expect(exitCode, stdout + stderr).toBe(0);
    } finally {
      await answers.end();
    }
    expect(answers.most).toBe(LIMIT);
    expect(answers.jobs.size).toBe(100);
    const jobs = [...answers.jobs.values()].map(({ created, command }) => {
      const index = Number(/class-(\d+);/.exec(command)?.[1]);
      return { created, priority: priorityOf(index) };
    });
    // the first ones found the queue empty; times are whole seconds, and a Job takes a moment to be made
    const waited = jobs.sort((a, b) => a.created - b.created).slice(LIMIT);
    const overtaken = waited.filter(({ created, priority }) =>
      waited.some((other) => other.priority > priority && other.created > created + 2000),
    );
    expect(overtaken).toEqual([]);
    expect(waited.at(-1)!.created - waited[0]!.created).toBeGreaterThan(5000);
  });
});

describe("Jobs on an API server without a node", { timeout: 150_000 }, () => {
  temporaryCache();
  let api: KubernetesApi;
  let namespace = "";
  let answers: PodAnswers;
  const notes: string[] = [];
  beforeEach(async () => {
    api = await connect({ kubeconfig: inject("kubeconfig") });
    namespace = `quota-${Math.random().toString(36).slice(2, 10)}`;
    await api.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    answers = new PodAnswers(api, namespace, { "0/config.bin": Buffer.from("made") });
    notes.length = 0;
  });
  afterEach(async () => {
    await answers.end();
    await api.delete({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  });

  async function limit(hard: Record<string, string>): Promise<void> {
    const metadata = { name: "builds", namespace };
    const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata };
    await api.create({ ...quota, spec: { hard } } as never);
    const counted = async () => ((await api.get(quota)).status as { hard?: object } | undefined)?.hard;
    await expect.poll(counted, { timeout: 20_000 }).toEqual(hard);
  }

  async function runSome(count: number, placement = {}): Promise<PromiseSettledResult<void>[]> {
    const queue = new TurnQueue(LIMIT);
    const executor = new KubernetesJobExecutor({
      ...{ api, namespace, stepsImage: IMAGE, queue, placement },
      hostNetwork: { apiHost: "127.0.0.1", apiPort: "443" },
    });
    const work = await Promise.all(Array.from({ length: count }, () => workFolder()));
    const jobs = work.map(
      (one, index): ExecutorJob => ({
        ...{ name: `builder ${index}`, command: ["/bin/sh"], environment: {}, timeLimit: 60_000 },
        ...{ masked: [], work: one, container: { image: IMAGE } },
      }),
    );
    const note = (text: string) => void notes.push(text);
    const progress = { step: <T>(_: string, run: (step: object) => Promise<T>) => run({ note }), say() {} };
    const results = await Promise.allSettled(
      jobs.map((job) => executor.run(job, { progress: progress as never })),
    );
    for (const one of work) await one.remove();
    return results;
  }

  const allDone = (count: number) =>
    Array.from({ length: count }, () => ({ status: "fulfilled", value: undefined }));

  it("wait where their namespace has no room for another Job, and say so", async () => {
    await limit({ "count/jobs.batch": "2" });
    expect(await runSome(5)).toEqual(allDone(5));
    expect(answers.most).toBeLessThanOrEqual(2);
    expect(notes.join("\n")).toMatch(
      /waiting for room in its namespace: exceeded quota: builds.*count\/jobs/,
    );
  });

  it("wait for their pods as well, and their deadline with them", async () => {
    await limit({ pods: "1" });
    answers.hold = true;
    const running = runSome(3);
    const deadlines = async () => {
      const jobs = await api.list<JobObject>(
        { apiVersion: "batch/v1", kind: "Job", namespace },
        { labelSelector: JOB_LABEL },
      );
      return jobs
        .map(({ spec }) => (spec as { activeDeadlineSeconds?: number }).activeDeadlineSeconds!)
        .sort();
    };
    // 60 s for the builder and 900 s beside it; the one that has its pod keeps them
    await expect.poll(deadlines, { timeout: 30_000 }).toEqual([960, expect.any(Number), expect.any(Number)]);
    await expect.poll(async () => (await deadlines())[1], { timeout: 30_000 }).toBeGreaterThan(964);
    expect((await deadlines())[0]).toBe(960);
    answers.hold = false;
    expect(await running).toEqual(allDone(3));
    expect(notes.join("\n")).toMatch(/waiting for room in its namespace: exceeded quota: builds.*pods=1/);
  });

  it("end by themselves, with all that is theirs, where the process that made them is killed and none follows", async () => {
    answers.hold = true;
    const program = fileURLToPath(new URL("support/run-one-job.ts", import.meta.url));
    const running = execa(process.execPath, [program, inject("kubeconfig"), namespace, IMAGE], {
      reject: false,
    });
    const pods = () => api.list<KubernetesObject>({ apiVersion: "v1", kind: "Pod", namespace });
    await expect.poll(pods, { timeout: 30_000 }).toHaveLength(1);
    running.kill("SIGKILL");
    await running;
    const [job] = await api.list<JobObject>({ apiVersion: "batch/v1", kind: "Job", namespace });
    expect(job!.spec).toMatchObject({ activeDeadlineSeconds: 960, ttlSecondsAfterFinished: 600 });
    const { input } = jobObjectNames(job!.metadata.name);
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { namespace, name: input } };
    expect(await api.getOrUndefined(secret)).toBeDefined();

    const body = { spec: { activeDeadlineSeconds: 1, ttlSecondsAfterFinished: 1 } };
    const path = await api.pathOf({ apiVersion: "batch/v1", kind: "Job", metadata: job!.metadata });
    await api.request("PATCH", path, { body, contentType: "application/merge-patch+json" });
    await expect.poll(() => leftOfJobs(api, namespace), { timeout: 60_000, interval: 1000 }).toEqual([]);
    expect(await api.getOrUndefined(secret)).toBeUndefined();
  });

  it("fail after a minute where their pods are refused for good", async () => {
    const [result] = await runSome(1, { priorityClass: "no-such-class" });
    const { message } = (result as PromiseRejectedResult).reason as Error;
    expect(message).toMatch(/cannot start: no pod: .*no PriorityClass with name no-such-class was found/);
  });
});
