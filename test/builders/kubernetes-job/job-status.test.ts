import { describe, expect, it } from "vitest";
import {
  cannotStart,
  explainFailure,
  hindrance,
  type JobObject,
  outcomeOf,
  overdue,
  type PodObject,
} from "../../../builders/kubernetes-job/job-status.ts";
import { newWaiter, othersWait, signOfLife } from "../../../builders/kubernetes-job/waiters.ts";

const job = (condition?: { type: string; reason?: string; message?: string }): JobObject => ({
  ...{ apiVersion: "batch/v1", kind: "Job", metadata: { name: "j", namespace: "n" }, spec: {} },
  status: { conditions: condition ? [{ status: "True", ...condition }] : [] },
});
const pod = (status: PodObject["status"]): PodObject => ({
  ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "p" } },
  status: status!,
});
const ended = (exitCode: number, reason = "Error", message?: string) =>
  pod({
    initContainerStatuses: [
      { name: "prepare", state: { terminated: { exitCode: 0 } } },
      { name: "build-7", state: { terminated: { exitCode, reason, ...(message && { message }) } } },
    ],
  });
const failed = { type: "Failed", reason: "PodFailurePolicy" };

describe("how a Job ended", () => {
  it("is told by its conditions", () => {
    expect(outcomeOf(job())).toBe("running");
    expect(outcomeOf(job({ type: "Complete" }))).toBe("complete");
    expect(outcomeOf(job(failed))).toBe("failed");
  });

  it.each([
    [ended(3), { run: 7, how: "failed with exit code 3" }],
    [ended(137, "OOMKilled"), { run: 7, how: "needed more memory than 2g and was ended" }],
    [ended(128, "StartError", "no such file"), { run: 7, how: expect.stringContaining("no such file") }],
    [ended(143), { run: 7, how: "was ended by force" }],
    [
      pod({ phase: "Failed", reason: "Evicted", message: "low on memory" }),
      { how: "lost its pod: low on memory" },
    ],
  ])("is explained by its pod", (one, expected) => {
    expect(explainFailure(job(failed), [one], "2g")).toMatchObject(expected);
  });

  it("is the deadline's doing where that is why the builder was ended", () => {
    const late = job({ type: "Failed", reason: "DeadlineExceeded" });
    expect(explainFailure(late, [ended(137)], "2g").how).toContain("deadline");
    expect(explainFailure(late, [], "2g").how).toContain("deadline");
  });
});

describe("what holds a pod up", () => {
  it("is that no node has room, or its image is not to be had", () => {
    const message = "0/1 nodes are available: 1 Insufficient memory.";
    const pending = pod({ conditions: [{ type: "PodScheduled", status: "False", message }] });
    expect(hindrance(pending)).toContain("Insufficient memory");
    const waiting = { reason: "ImagePullBackOff", message: "not found" };
    const without = pod({ initContainerStatuses: [{ name: "build-0", state: { waiting } }] });
    expect(hindrance(without)).toBe("build-0: not found");
    expect([cannotStart(pending), cannotStart(without)]).toEqual([false, true]);
  });

  it("is not that it takes its time, before that is up", () => {
    const startedAt = new Date(10_000).toISOString();
    const running = pod({ initContainerStatuses: [{ name: "build-2", state: { running: { startedAt } } }] });
    expect(overdue(running, 5_000, 14_000)).toBeUndefined();
    expect(overdue(running, 5_000, 16_000)).toBe(2);
  });
});

describe("who waits for a Job", () => {
  it("is known by signs of life that are not old", () => {
    const now = Date.now();
    const mine = signOfLife("waiter.edgeflock.io/a", new Date(now));
    const other = signOfLife("waiter.edgeflock.io/b", new Date(now - 30_000));
    const gone = signOfLife("waiter.edgeflock.io/c", new Date(now - 600_000));
    expect(othersWait({ ...mine, ...gone }, "waiter.edgeflock.io/a", now)).toBe(false);
    expect(othersWait({ ...mine, ...other }, "waiter.edgeflock.io/a", now)).toBe(true);
    expect(othersWait(undefined, "waiter.edgeflock.io/a", now)).toBe(false);
  });

  it("is nobody whose process was killed on this machine, however short ago", () => {
    const waiter = newWaiter();
    expect(othersWait(signOfLife(waiter), "waiter.edgeflock.io/a")).toBe(true);
    // no process has an id as large: https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html
    const dead = waiter.replace(/\/\d+-/, `/${2 ** 22 + 1}-`);
    expect(othersWait(signOfLife(dead), "waiter.edgeflock.io/a")).toBe(false);
    // a name of an annotation has room for 63 characters
    expect(waiter).toMatch(/^waiter\.edgeflock\.io\/[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/);
  });
});
