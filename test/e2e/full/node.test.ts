// A real node: pods run on it, and nothing of it is left when it stops. Skipped where none can run.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { start, status, stop } from "../../../toolchain/embedded-kubernetes/cluster.ts";
import { nodePaths } from "../../../toolchain/embedded-kubernetes/node/paths.ts";
import { clusterPaths } from "../../../toolchain/embedded-kubernetes/paths.ts";
import { nodeIsPossible, startTestNode, type TestNode } from "./support/node.ts";

const KERNEL = ["vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops"];
const kernel = (): string[] => KERNEL.map((name) => readFileSync(`/proc/sys/${name}`, "utf8"));

/** Cgroups, mounts and sockets that bear the node's name. */
function remains(folder: string): string[] {
  const { cgroup, run } = nodePaths(clusterPaths(folder));
  const groups = execFileSync("find", ["/sys/fs/cgroup", "-maxdepth", "3", "-name", cgroup], {
    encoding: "utf8",
  });
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(folder) || line.includes(run));
  return [...groups.split("\n").filter(Boolean), ...mounts, ...(existsSync(run) ? [run] : [])];
}

async function jobEnds(node: TestNode, name: string, script: string): Promise<Record<string, number>> {
  const address = { apiVersion: "batch/v1", kind: "Job", metadata: { name, namespace: "default" } };
  const container = { name: "only", image: node.shell, command: ["/bin/sh", "-c", script] };
  await node.api.create({
    ...address,
    spec: {
      backoffLimit: 0,
      template: { spec: { restartPolicy: "Never", hostNetwork: true, containers: [container] } },
    },
  } as never);
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    const { status = {} } = await node.api.get<{ status?: Record<string, number> }>(address);
    if (status.succeeded || status.failed) return status;
    await sleep(200);
  }
  throw new Error(`Job ${name} did not end`);
}

describe.skipIf(!nodeIsPossible)("a node of the embedded Kubernetes", () => {
  let node: TestNode;
  const before = kernel();
  beforeAll(async () => {
    node = await startTestNode();
  });
  afterAll(async () => await node?.remove());

  it("runs Jobs, and says which failed", async () => {
    expect(await jobEnds(node, "well", "echo hello")).toMatchObject({ succeeded: 1 });
    expect(await jobEnds(node, "badly", "exit 3")).toMatchObject({ failed: 1 });
  });

  it("leaves the kernel's settings alone", () => {
    expect(kernel()).toEqual(before);
  });

  it("stops with its pods, leaves nothing, and comes back with its images", async () => {
    const sleeper = { name: "sleeper", image: node.shell, command: ["/bin/sleep", "998877"] };
    await node.api.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "sleeper", namespace: "default" },
      spec: { restartPolicy: "Never", hostNetwork: true, containers: [sleeper] },
    } as never);
    const running = (): boolean =>
      execFileSync("ps", ["-ww", "-eo", "args"], { encoding: "utf8" }).includes("sleep 998877");
    await expect.poll(running, { timeout: 60_000 }).toBe(true);
    expect(remains(node.folder)).not.toEqual([]);

    const started = Date.now();
    await stop(node.folder);
    expect(Date.now() - started).toBeLessThan(20_000);
    expect(running()).toBe(false);
    expect(remains(node.folder)).toEqual([]);

    expect((await start(node.folder)).node).toBe(false);
    expect((await start(node.folder, { node: true })).node).toBe(true);
    expect(await jobEnds(node, "again", "true")).toMatchObject({ succeeded: 1 });
  });

  it("is brought back by a start after it was killed", async () => {
    const { pids } = JSON.parse(readFileSync(clusterPaths(node.folder).state, "utf8"));
    process.kill(pids.node, "SIGKILL");
    await sleep(500);
    expect((await status(node.folder)).node).toBe(false);
    expect((await start(node.folder, { node: true })).node).toBe(true);
    expect(await jobEnds(node, "killed", "true")).toMatchObject({ succeeded: 1 });
  });
});
