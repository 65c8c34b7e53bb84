import { describe, expect, it } from "vitest";
import type { ExecutorJob } from "../../../builders/contract.ts";
import { batchesOf, devicesOfAJob, MOST_RUNS } from "../../../builders/kubernetes-job/batches.ts";
import { temporaryCache, workFolder } from "../support.ts";

temporaryCache();

describe("the devices of a Job", () => {
  it.each([
    // what one Job would take as long for as another for itself is not split
    [1, 4, 1],
    [11, 4, 11],
    [12, 4, 6],
    [30, 4, 8],
    [100, 4, 25],
    [40, 1, 20],
    [1000, 4, 25],
    [1000, 100, 10],
  ])("of %i where %i Jobs can run are %i", (devices, slots, expected) => {
    expect(devicesOfAJob(devices, slots)).toBe(expected);
    expect(devicesOfAJob(devices, slots)).toBeLessThanOrEqual(MOST_RUNS);
  });

  it("stay in order, and are fewer where their inputs do not fit into one Secret", async () => {
    const jobOf = async (bytes: number, script = "make") => {
      const work = await workFolder({ secrets: { large: "x".repeat(bytes) } });
      return { work, command: [script], environment: {} as Record<string, string> } as ExecutorJob;
    };
    const small = await Promise.all(Array.from({ length: 30 }, () => jobOf(100)));
    const batches = await batchesOf(small, 3);
    expect(batches.map((batch) => batch.length)).toEqual([10, 10, 10]);
    expect(batches.flat()).toEqual(small);
    const large = await Promise.all(Array.from({ length: 5 }, () => jobOf(300_000)));
    expect((await batchesOf(large, 1)).map((batch) => batch.length)).toEqual([2, 2, 1]);
    const wordy = await Promise.all(Array.from({ length: 5 }, () => jobOf(100, "x".repeat(200_000))));
    // each has a container with the whole command
    expect((await batchesOf(wordy, 1)).map((batch) => batch.length)).toEqual([2, 2, 1]);
  });
});
