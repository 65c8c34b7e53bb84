import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ReconciledFleet, type RunningReconciler } from "../reconciled-fleet.ts";
import { bringUp, killReconcilers } from "../reconciler-kills.ts";

describe("two reconcilers of one fleet", () => {
  let fleet: ReconciledFleet;
  let replicas: RunningReconciler[];

  beforeAll(async () => {
    fleet = await ReconciledFleet.create();
    replicas = await bringUp(fleet);
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  it("converge after each of 20 kills at random moments, and no credential changes", async () => {
    const seed = Number(process.env.EDGEFLOCK_SEED ?? Date.now() % 1_000_000);
    const problems = await killReconcilers({ fleet, replicas, kills: 20, seed });
    expect(problems, `seed ${seed}`).toEqual([]);
  });
});
