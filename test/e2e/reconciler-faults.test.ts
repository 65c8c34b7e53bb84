import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { start } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { kill } from "../chaos/processes.ts";
import { ReconciledFleet, type RunningReconciler } from "./reconciled-fleet.ts";
import { bringUp, killReconcilers, passwords, placeOf, setPlace } from "./reconciler-kills.ts";

// The long version, of 20 kills, is in full/reconciler-kills.test.ts.
describe("two reconcilers of one fleet", () => {
  let fleet: ReconciledFleet;
  let replicas: RunningReconciler[];

  beforeAll(async () => {
    fleet = await ReconciledFleet.create();
    replicas = await bringUp(fleet);
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  it("of which one works, and the other does nothing", async () => {
    expect(replicas.map(({ leads }) => leads).filter(Boolean)).toHaveLength(1);
    const idle = replicas.find(({ leads }) => !leads)!;
    expect(idle.said).not.toContain("update:");
    expect((await fetch(`${await idle.url()}/readyz`)).status).toBe(200);
  });

  it("converge when the one that works is killed at a random moment", async () => {
    expect(await killReconcilers({ fleet, replicas, kills: 2, seed: Date.now() % 1_000_000 })).toEqual([]);
  });

  it("converge when the API server is killed in the middle of an update", async () => {
    const before = await passwords(fleet);
    await setPlace(fleet, "bench 77");
    await sleep(2_500);
    const { components } = await start(fleet.cluster);
    kill(components.find(({ name }) => name === "kube-apiserver")!.pid!);
    await sleep(1_000);
    await start(fleet.cluster);
    await fleet.project.reconnect();
    await fleet.ready("Device", "a");
    await fleet.ready("DevicesCluster", fleet.namespace);
    expect(await placeOf(fleet, "a")).toBe("bench 77");
    expect(await passwords(fleet)).toEqual(before);
  });
});
