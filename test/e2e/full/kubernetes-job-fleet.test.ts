// A whole fleet whose builders run in pods of a real node: `pulumi up`, as a person runs it. Skipped where no node can run.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeNvs } from "../../../builders/nvs/decode.ts";
import type { KubernetesObject } from "../../../kubernetes/api.ts";
import { soundFirmware } from "../../builders/support.ts";
import { family } from "../../chaos/processes.ts";
import { cluster, device, deviceClass } from "../manifests.ts";
import { TestProject } from "../test-project.ts";
import { leftOfJobs } from "./support/left-of-jobs.ts";
import { nodeIsPossible, startTestNode, type TestNode } from "./support/node.ts";
import { loadOwnImage, loadStepsImage } from "./support/steps-image.ts";

const UP = ["up", "--yes", "--skip-preview", "--non-interactive"];

/** The process of pulumi itself. */
function engineOf(command: number): number {
  return family(command).find(({ command }) => /(^|\/)pulumi up /.test(command))!.pid;
}

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

  const left = () => leftOfJobs(node.api, project.id);
  const startUp = () => project.startEdgeflock(["pulumi", ...UP]);

  /** Jobs whose pods run. */
  async function live(kind: "firmware" | "config"): Promise<number> {
    const jobs = await node.api.list<KubernetesObject & { status?: { active?: number } }>({
      ...{ apiVersion: "batch/v1", kind: "Job", namespace: project.id },
    });
    const of = jobs.filter(({ metadata }) => metadata.name.startsWith(kind));
    return of.filter(({ status }) => (status?.active ?? 0) > 0).length;
  }

  /** All of an update at once, its providers too: as a machine does that goes down. */
  async function killDuring(kind: "firmware" | "config"): Promise<void> {
    const running = startUp();
    await expect.poll(() => live(kind), { timeout: 120_000, interval: 200 }).toBeGreaterThan(0);
    for (const { pid } of family(running.pid!)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        // it ended meanwhile
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
    await running;
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

  it("goes on with the Job of an update that was killed, builds nothing twice, and leaves nothing", async () => {
    const before = await jobsOf("firmware");
    // tried once more, it is not to find what was built the first time
    const script = `: ${project.id} ${before}; sleep 20; cp input/source/* output/`;
    await project.manifests(manifests({ script }));
    await killDuring("firmware");
    expect(await live("firmware")).toBe(1);
    expect(await project.edgeflock("pulumi", ...UP)).toMatchObject({ exitCode: 0 });
    expect(await jobsOf("firmware")).toBe(before + 1);
    await expect.poll(left, { timeout: 60_000, interval: 500 }).toEqual([]);

    await project.manifests(manifests({ script, data: { a: "door", b: "door", c: "door" } }));
    await killDuring("config");
    expect(await project.edgeflock("pulumi", ...UP)).toMatchObject({ exitCode: 0 });
    expect(await Promise.all(["a", "b", "c"].map(placeOf))).toEqual(["door", "door", "door"]);
    expect(await jobsOf("firmware")).toBe(before + 1);
    await expect.poll(left, { timeout: 60_000, interval: 500 }).toEqual([]);
  });

  it("shows what a builder says that fails, and Ctrl-C takes the Job along", async () => {
    const before = await jobsOf("firmware");
    await project.manifests(manifests({ script: "echo it is broken; exit 3" }));
    const failed = await project.pulumi("up", "--yes", "--skip-preview");
    expect(failed.exitCode).not.toBe(0);
    expect(failed.stdout + failed.stderr).toContain("failed with exit code 3");
    expect(failed.stdout + failed.stderr).toContain("it is broken");

    await project.manifests(manifests({ script: "sleep 1000" }));
    const running = startUp();
    await expect.poll(() => live("firmware"), { timeout: 120_000, interval: 500 }).toBe(1);
    // as at a terminal: the engine alone is told, once, and its providers are in process groups of their own
    process.kill(engineOf(running.pid!), "SIGINT");
    const ended = await Promise.race([running, sleep(60_000, undefined, { ref: false })]);
    if (!ended) process.kill(-running.pid!, "SIGKILL");
    expect(ended?.exitCode, "it did not end").toBeGreaterThan(0);
    await expect.poll(() => live("firmware"), { timeout: 20_000 }).toBe(0);
    await project.manifests(manifests({ data: { b: "window" } }));
    // what was interrupted is written again, from the cache
    await project.up();
    expect(await project.up()).toEqual({});
    expect(await jobsOf("firmware")).toBe(before + 2);
  });
});
