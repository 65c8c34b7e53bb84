import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reset } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { runChaos } from "../chaos/chaos.ts";
import { renderReport } from "../chaos/report.ts";
import { CHECKOUT } from "./test-project.ts";

// The short form of `npm run chaos` (docs/crash-safety.md), on a cluster of its own, which it kills too.
describe("a fleet whose updates, API server and store are killed ten times at random moments", () => {
  let clusterFolder: string;
  beforeAll(async () => {
    const parent = join(CHECKOUT, ".edgeflock", "test-clusters");
    await mkdir(parent, { recursive: true });
    clusterFolder = await mkdtemp(join(parent, "chaos-"));
  });
  afterAll(async () => {
    await reset(clusterFolder);
    await rm(clusterFolder, { recursive: true, force: true });
  });

  it.each(["each", "end"] as const)(
    "comes up again each time, with every credential as it was, and nothing left behind (state saved at %s)",
    async (checkpoints) => {
      const report = await runChaos({
        seed: 20_261_124,
        kills: 5,
        checkpoints,
        clusterFolder,
        say: () => {},
      });
      console.log(renderReport(report));
      expect(report.problems).toEqual([]);
      expect(report.kills.length).toBe(5);
      expect(report.credentials).toBeGreaterThan(5);
    },
    900_000,
  );
});
