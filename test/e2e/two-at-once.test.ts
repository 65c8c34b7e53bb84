import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cluster, device, deviceClass } from "./manifests.ts";
import { TestProject } from "./test-project.ts";

// A build that goes on until it is told to stop, so that the first update surely runs while the second starts.
const WAITING = {
  builder: {
    name: "command",
    args: { command: ["sh", "-c", "until [ -e GO ]; do sleep 0.1; done; echo stopped >&2; exit 1"] },
  },
};

describe("two updates of one stack at once", () => {
  let project: TestProject;
  let go: string;
  const up = ["up", "--yes", "--skip-preview", "--non-interactive"];

  beforeAll(async () => {
    project = await TestProject.create();
    go = `${project.folder}/go`;
    const firmware = JSON.parse(JSON.stringify(WAITING).replace("GO", go));
    await project.manifests([
      cluster(project.id),
      deviceClass("node"),
      deviceClass("slow", { firmware }),
      device("a", "north"),
    ]);
  });
  afterAll(() => project?.[Symbol.asyncDispose]());

  it("do not meet: the first goes on, the second says who holds the lock and since when, and changes nothing", async () => {
    const first = project.start(...up);
    while ((await project.secret(project.id, "a-device")) === undefined) await sleep(50);
    const before = await project.secret(project.id, "a-device");
    for (const second of [
      await project.pulumi(...up.slice(0, 3)),
      await project.edgeflock("pulumi", ...up),
    ]) {
      expect(second.exitCode).not.toBe(0);
      expect(second.stdout + second.stderr).toMatch(
        new RegExp(
          `currently locked by 1 lock[\\s\\S]*created by \\S+@\\S+ \\(pid ${first.pid}\\) at \\d{4}-\\d\\d-\\d\\dT`,
        ),
      );
    }
    expect(first.exitCode).toBeNull();
    await project.write("go", "");
    // the build was told to fail, which is of no matter here: the first one went on to its own end
    expect((await first).stdout).toContain("stopped");
    expect(await project.secret(project.id, "a-device")).toEqual(before);
    await project.manifests([cluster(project.id), deviceClass("node"), device("a", "north")]);
    expect((await project.edgeflock("pulumi", ...up)).exitCode).toBe(0);
    expect(await project.preview()).toEqual([]);
  });
});
