import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { parallelForJobs } from "../../../cli/update/parallel-jobs.ts";
import { temporaryFolder } from "../../toolchain/temporary-folder.ts";

describe("how many resources pulumi is told to work on at once", () => {
  let projectFolder: string;
  beforeEach(() => {
    projectFolder = temporaryFolder();
    mkdirSync(join(projectFolder, "stacks", "prod"), { recursive: true });
    const file = "name: p\nruntime: nodejs\nstackConfigDir: stacks\n";
    writeFileSync(join(projectFolder, "Pulumi.yaml"), file);
    declare("process");
  });
  const declare = (executor: string) =>
    writeFileSync(join(projectFolder, "stacks/prod/fleet.yaml"), `executor: ${executor}\n`);
  const configure = (text: string) =>
    writeFileSync(join(projectFolder, "stacks/Pulumi.prod.yaml"), `config:\n  ${text}\n`);
  const parallel = async (changes: Partial<Parameters<typeof parallelForJobs>[0]> = {}) =>
    (await parallelForJobs({ projectFolder, stack: "prod", args: ["up"], environment: {}, ...changes }))
      .PULUMI_PARALLEL;

  it("is pulumi's own affair where no builder is a Job", async () => {
    expect(await parallel()).toBeUndefined();
    const objects = [{ kind: "DeviceClass", metadata: { name: "a" }, spec: {} }];
    expect(await parallel({ objects: objects as never })).toBeUndefined();
  });

  it("is enough to fill all Jobs that run at once", async () => {
    declare("kubernetes-job");
    expect(await parallel()).toBe("100");
    configure("edgeflock:jobLimit: 20");
    expect(await parallel()).toBe("500");
    configure("edgeflock:jobLimit: 5000");
    expect(await parallel()).toBe("2000");
  });

  it("is so as well where the stack's configuration, or an object in the cluster, asks for Jobs", async () => {
    configure("edgeflock:executor: kubernetes-job");
    expect(await parallel()).toBe("100");
    configure("edgeflock:source: cluster");
    const spec = { firmware: { executor: "kubernetes-job" } };
    const objects = [{ kind: "DeviceClass", metadata: { name: "a" }, spec }];
    expect(await parallel({ objects: objects as never })).toBe("100");
  });

  it("is what the person says", async () => {
    declare("kubernetes-job");
    for (const args of [
      ["up", "--parallel", "5"],
      ["up", "--parallel=5"],
      ["up", "-p", "5"],
      ["up", "-p5"],
    ]) {
      expect(await parallel({ args })).toBeUndefined();
    }
    expect(await parallel({ environment: { PULUMI_PARALLEL: "7" } })).toBeUndefined();
  });
});
