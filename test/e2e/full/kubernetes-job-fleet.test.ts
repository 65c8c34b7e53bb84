// A whole fleet whose builders run in pods of a real node: `pulumi up`, as a person runs it. Skipped where no node can run.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeNvs } from "../../../builders/nvs/decode.ts";
import type { KubernetesObject } from "../../../kubernetes/api.ts";
import { soundFirmware } from "../../builders/support.ts";
import { cluster, device, deviceClass } from "../manifests.ts";
import { TestProject } from "../test-project.ts";
import { nodeIsPossible, startTestNode, type TestNode } from "./support/node.ts";
import { loadOwnImage, loadStepsImage } from "./support/steps-image.ts";

interface EventObject extends KubernetesObject {
  reason: string;
  involvedObject: { kind: string; name: string };
}

describe.skipIf(!nodeIsPossible)("a fleet whose builders are Kubernetes Jobs", () => {
  let node: TestNode;
  let project: TestProject;
  let configImage = "";
  beforeAll(async () => {
    node = await startTestNode();
    configImage = await loadOwnImage(node.target, "nvs");
    project = await TestProject.create(undefined, node.kubeconfig, { WIFI: "hunter2-hunter2" });
    await project.mustPulumi("config", "set", "edgeflock:jobSteps", await loadStepsImage(node.target));
    for (const [name, bytes] of Object.entries(soundFirmware()))
      await project.write(`firmware/${name}`, bytes);
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await node?.remove();
  });

  const manifests = (changes: { script?: string; data?: Record<string, string> } = {}) => {
    // what an earlier run of this test built does not count
    const { script = `: ${project.id}; cp input/source/* output/`, data = {} } = changes;
    const secrets = { "wifi.password": { fromEnv: "WIFI" } };
    return [
      cluster(project.id, { secrets, settings: { "wifi.ssid": "hall" } }),
      deviceClass("node", {
        firmware: {
          executor: "kubernetes-job",
          builder: { name: "command", source: "firmware", args: { command: ["/bin/sh", "-c", script] } },
          container: { image: node.shell, memory: "64m" },
        },
        config: {
          builder: { name: "image", image: configImage, executor: "kubernetes-job", memory: "256m" },
        },
      }),
      ...["a", "b", "c"].map((name) =>
        device(name, "north", { data: { "place.name": data[name] ?? "bench" } }),
      ),
    ];
  };

  /** Jobs that made pods, by the beginning of their names. */
  async function jobsOf(kind: "firmware" | "config"): Promise<number> {
    const events = await node.api.list<EventObject>({
      apiVersion: "v1",
      kind: "Event",
      namespace: project.id,
    });
    const names = events
      .filter(({ reason, involvedObject }) => reason === "SuccessfulCreate" && involvedObject.kind === "Job")
      .map(({ involvedObject }) => involvedObject.name);
    return new Set(names.filter((name) => name.startsWith(kind))).size;
  }

  async function placeOf(name: string): Promise<unknown> {
    const secret = await project.secret(project.id, `${name}-device`);
    const { entries } = decodeNvs(secret!["config.bin"]!);
    expect(entries.find(({ key }) => key === "password")?.value).toBeDefined();
    return entries.find(({ namespace, key }) => namespace === "place" && key === "name")?.value;
  }

  it("is built in pods, once, and a changed device changes its own image only", async () => {
    await project.manifests(manifests());
    await project.up();
    expect(await jobsOf("firmware")).toBe(1);
    const first = await jobsOf("config");
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(3);
    expect(await placeOf("b")).toBe("bench");
    expect(await project.up()).toEqual({});
    expect(await jobsOf("config")).toBe(first);

    await project.manifests(manifests({ data: { b: "window" } }));
    expect(await project.up()).toEqual({ update: 1 });
    expect([await placeOf("a"), await placeOf("b")]).toEqual(["bench", "window"]);
    expect(await jobsOf("config")).toBe(first + 1);
    expect(await jobsOf("firmware")).toBe(1);
    expect(await project.state()).not.toContain("hunter2");
  });

  it("shows what a builder says that fails, and Ctrl-C takes the Job along", async () => {
    await project.manifests(manifests({ script: "echo it is broken; exit 3" }));
    const failed = await project.pulumi("up", "--yes", "--skip-preview");
    expect(failed.exitCode).not.toBe(0);
    expect(failed.stdout + failed.stderr).toContain("failed with exit code 3");
    expect(failed.stdout + failed.stderr).toContain("it is broken");

    await project.manifests(manifests({ script: "sleep 1000" }));
    // as a terminal does, to all of them: the engine alone would wait for its resources
    const running = project.startEdgeflock(["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]);
    const live = async (): Promise<number> => {
      const jobs = await node.api.list<KubernetesObject & { status?: { active?: number } }>({
        ...{ apiVersion: "batch/v1", kind: "Job", namespace: project.id },
      });
      return jobs.filter(({ status }) => (status?.active ?? 0) > 0).length;
    };
    await expect.poll(live, { timeout: 120_000, interval: 500 }).toBe(1);
    await sleep(1000);
    process.kill(-running.pid!, "SIGINT");
    expect((await running).exitCode).not.toBe(0);
    await expect.poll(live, { timeout: 20_000 }).toBe(0);
    await project.manifests(manifests({ data: { b: "window" } }));
    // what was interrupted is written again, from the cache
    await project.up();
    expect(await project.up()).toEqual({});
    expect(await jobsOf("firmware")).toBe(3);
  });
});
