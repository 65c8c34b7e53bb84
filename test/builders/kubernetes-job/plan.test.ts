import { describe, expect, it } from "vitest";
import { type JobPlan, planJob, quantity } from "../../../builders/kubernetes-job/plan-job.ts";
import { planObjects } from "../../../builders/kubernetes-job/plan-objects.ts";

const digest = `sha256:${"0".repeat(64)}`;
const plan: JobPlan = {
  ...{ name: "firmware-1", namespace: "greenhouse", stepsImage: `steps@${digest}` },
  ...{ container: { image: `builder@${digest}`, memory: "2g", cpus: 1 }, placement: {} },
  ...{ command: ["./build.sh", "-v"], environment: { A: "$(B) $C" }, timeLimit: 60_000, runs: 1 },
  ...{ sourceParts: 2, usesApi: true, annotations: {} },
};

interface Container {
  name: string;
  env: { name: string; value?: string }[];
  resources: { limits: Record<string, string>; requests: Record<string, string> };
  securityContext: unknown;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}

function podOf(changes: Partial<JobPlan> = {}) {
  const { spec } = planJob({ ...plan, ...changes }) as unknown as {
    spec: {
      template: { spec: Record<string, unknown> & { initContainers: Container[]; containers: Container[] } };
    };
  };
  const pod = spec.template.spec;
  return {
    job: spec as unknown as Record<string, unknown>,
    pod,
    all: [...pod.initContainers, ...pod.containers],
  };
}

describe("the Job of a builder", () => {
  it("is locked down, whatever the class asks for", () => {
    const { pod, all } = podOf({ runs: 3 });
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(all.map(({ name }) => name)).toEqual(["prepare", "build-0", "build-1", "build-2", "upload"]);
    for (const container of all) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(container.resources.limits).toHaveProperty("memory");
      expect(container.env.every((one) => Object.keys(one).join() === "name,value")).toBe(true);
    }
  });

  it("gives the token to the upload alone, and the input of all to the step that prepares alone", () => {
    const { all } = podOf();
    const withVolume = (name: string) =>
      all.filter(({ volumeMounts }) => volumeMounts.some((one) => one.name === name)).map((one) => one.name);
    expect(withVolume("grant")).toEqual(["upload"]);
    expect(withVolume("request")).toEqual(["prepare"]);
    const builder = all.find(({ name }) => name === "build-0")!;
    const writable = builder.volumeMounts.filter(({ readOnly }) => !readOnly).map((one) => one.mountPath);
    expect(writable).toEqual(["/work/output", "/work/tmp", "/tmp"]);
  });

  it("has no more rules for a hundred runs than for one: Kubernetes allows 20", () => {
    const rules = (runs: number) =>
      (podOf({ runs }).job.podFailurePolicy as { rules: object[] }).rules.length;
    expect(rules(100)).toBe(rules(1));
    expect(rules(100)).toBeLessThanOrEqual(20);
  });

  it("does not let Kubernetes replace anything in a value", () => {
    const builder = podOf().all.find(({ name }) => name === "build-0")!;
    expect(builder.env.find(({ name }) => name === "A")?.value).toBe("$$(B) $C");
  });

  it("has the limits of the class and asks nodes for a part of them, unless it is told", () => {
    const builder = (changes: Partial<JobPlan>) => podOf(changes).all[1]!.resources;
    expect(builder({})).toEqual({
      limits: { memory: "2Gi", cpu: "1000m" },
      requests: { memory: "512Mi", cpu: "250m" },
    });
    const asked = builder({ placement: { requests: { memory: "1g", cpus: 0.5 } } });
    expect(asked.requests).toEqual({ memory: "1Gi", cpu: "500m" });
    expect([quantity("512m"), quantity("4g")]).toEqual(["512Mi", "4Gi"]);
  });

  it("goes where the class says, ends by a deadline, goes away by itself, and starts when it is told to", () => {
    const placement = { nodeSelector: { disk: "fast" }, priorityClass: "low" };
    const { job, pod } = podOf({ placement });
    expect(pod).toMatchObject({ nodeSelector: { disk: "fast" }, priorityClassName: "low" });
    expect(job).toMatchObject({ suspend: true, ttlSecondsAfterFinished: 600, activeDeadlineSeconds: 960 });
  });
});

describe("the objects beside it", () => {
  const to = {
    kind: "objects" as const,
    namespace: "greenhouse",
    resource: "secrets" as const,
    names: ["o-0", "o-1"],
  };
  const objects = planObjects({
    owner: { name: "firmware-1", namespace: "greenhouse", uid: "u" },
    request: { works: [{ files: { "0.0": "args.json" }, secrets: { "0.1": "token" } }] },
    files: { "0.0": Buffer.from("{}"), "0.1": Buffer.from("hunter2") },
    source: [Buffer.from("a"), Buffer.from("b")],
    grant: { what: "firmware", to },
    egress: [{ kind: "endpoints", endpoints: [{ address: "10.0.0.1", port: 443 }] }],
  });
  const named = (kind: string) => objects.filter((one) => one.kind === kind);

  it("belong to the Job, all of them", () => {
    for (const { metadata } of objects) {
      expect(metadata.ownerReferences).toEqual([
        { apiVersion: "batch/v1", kind: "Job", name: "firmware-1", uid: "u" },
      ]);
    }
  });

  it("let the upload change its own objects and do nothing else", () => {
    expect(named("Role")).toHaveLength(1);
    expect(named("Role")[0]!.rules).toEqual([
      { apiGroups: [""], resources: ["secrets"], resourceNames: ["o-0", "o-1"], verbs: ["patch"] },
    ]);
  });

  it("keep secrets in Secrets", () => {
    const plain = objects.filter(({ kind }) => kind !== "Secret");
    expect(JSON.stringify(plain)).not.toContain(Buffer.from("hunter2").toString("base64"));
  });

  it("let nobody in, and out only to where the upload goes", () => {
    const [policy] = named("NetworkPolicy");
    expect(policy!.spec).toMatchObject({ policyTypes: ["Ingress", "Egress"], ingress: [] });
    expect(policy!.spec).toMatchObject({
      podSelector: { matchLabels: { "edgeflock.io/builder-job": "firmware-1" } },
    });
    expect((policy!.spec as { egress: object[] }).egress).toEqual([
      { to: [{ ipBlock: { cidr: "10.0.0.1/32" } }], ports: [{ protocol: "TCP", port: 443 }] },
    ]);
  });
});
