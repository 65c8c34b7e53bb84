// Who may take a Job that is there already for the one he wants: on a real API server, which fills in what was left out.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { claimJob, podsOf } from "../../builders/kubernetes-job/job-objects.ts";
import { type JobPlan, planJob } from "../../builders/kubernetes-job/plan-job.ts";
import { newWaiter } from "../../builders/kubernetes-job/waiters.ts";
import { connect, type KubernetesApi, type KubernetesObject } from "../../kubernetes/api.ts";

const IMAGE = `registry.example/x@sha256:${"0".repeat(64)}`;

describe("a Job that is there already", () => {
  const namespace = `jobs-${randomBytes(4).toString("hex")}`;
  const name = "firmware-1";
  let api: KubernetesApi;
  const plan: JobPlan = {
    ...{ name, namespace, stepsImage: IMAGE, container: { image: IMAGE }, placement: {} },
    ...{
      command: ["make"],
      environment: { A: "b" },
      timeLimit: 60_000,
      runs: 1,
      sourceParts: 1,
      usesApi: true,
    },
    annotations: {},
  };
  const claim = (planned: KubernetesObject = planJob(plan)) =>
    claimJob({ api, namespace, name, waiter: newWaiter() }, planned, {
      signal: new AbortController().signal,
      note() {},
    });

  beforeAll(async () => {
    api = await connect({ kubeconfig: inject("kubeconfig") });
    await api.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  });
  afterAll(() => api?.delete({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }));

  it("is joined where it would run the same", async () => {
    const first = await claim();
    // where, and with how much, it runs does not matter
    const other = {
      placement: { nodeSelector: { disk: "fast" } },
      container: { image: IMAGE, memory: "6g" },
    };
    const second = await claim(planJob({ ...plan, ...other }));
    expect(second.job.metadata.uid).toBe(first.job.metadata.uid);
    const waiters = Object.keys(second.job.metadata.annotations!).filter((key) => key.startsWith("waiter."));
    expect(waiters).toHaveLength(2);
  });

  it.each<[string, Partial<JobPlan>]>([
    ["another program", { command: ["make", "evil"] }],
    ["another environment", { environment: { A: "c" } }],
    ["another image", { container: { image: IMAGE.replace("x@", "y@") } }],
    ["other volumes", { sourceParts: 2 }],
    ["another way to upload", { usesApi: false }],
  ])("is refused where it has %s", async (_, changes) => {
    await expect(claim(planJob({ ...plan, ...changes }))).rejects.toThrow(
      "does something else than this build",
    );
  });

  it("has no pod but those that its controller made", async () => {
    const { job } = await claim();
    const place = { api, namespace, name, waiter: "" };
    const container = { name: "x", image: IMAGE };
    const pod = (podName: string, owners: object[]) => ({
      ...{ apiVersion: "v1", kind: "Pod", spec: { containers: [container] } },
      metadata: {
        name: podName,
        namespace,
        labels: { "edgeflock.io/builder-job": name },
        ownerReferences: owners,
      },
    });
    const owner = { apiVersion: "batch/v1", kind: "Job", name, uid: job.metadata.uid };
    await api.create(pod("planted", []) as never);
    await api.create(pod("stranger", [{ ...owner, uid: "00000000-0000-0000-0000-000000000000" }]) as never);
    await api.create(pod("own", [{ ...owner, controller: true }]) as never);
    expect((await podsOf(place, job)).map(({ metadata }) => metadata.name)).toEqual(["own"]);
  });
});
