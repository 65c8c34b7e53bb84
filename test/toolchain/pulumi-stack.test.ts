import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  meantStack,
  needsEmbeddedCluster,
  stackArgument,
  touchesCluster,
} from "../../toolchain/pulumi-stack.ts";
import { temporaryFolder } from "./temporary-folder.ts";

describe("a pulumi command line", () => {
  it.each([
    [["up", "--yes"], true],
    [["--color", "never", "-s", "demo", "preview"], true],
    [["destroy"], true],
    [["stack", "output", "up"], false],
    [["config", "set", "up", "x"], false],
    [["up", "--help"], false],
    [[], false],
  ])("%j talks to the cluster: %s", (args, expected) => {
    expect(touchesCluster(args)).toBe(expected);
  });

  it.each([
    [["up", "--stack", "a"], "a"],
    [["-s", "a", "up", "--stack=b"], "b"],
    [["up", "-sdev"], "dev"],
    [["up"], undefined],
  ])("%j names the stack %s", (args, expected) => {
    expect(stackArgument(args)).toBe(expected);
  });

  it("needs the embedded Kubernetes where the stack's configuration says so", async () => {
    const project = temporaryFolder();
    writeFileSync(join(project, "Pulumi.yaml"), "name: p\nruntime: nodejs\nstackConfigDir: stacks\n");
    mkdirSync(join(project, "stacks"));
    writeFileSync(join(project, "stacks/Pulumi.a.yaml"), "config:\n  edgeflock:kubernetes: embedded\n");
    writeFileSync(join(project, "stacks/Pulumi.b.yaml"), "config:\n  edgeflock:kubeContext: mine\n");
    writeFileSync(join(project, "stacks/Pulumi.broken.yaml"), "config: [\n");
    const needs = (stack: string) => needsEmbeddedCluster(stack, project);
    expect(await needs("a")).toBe(true);
    expect(await needs("organization/p/a")).toBe(true);
    expect(await needs("b")).toBe(false);
    expect(await needs("broken")).toBe(false);
    expect(await needs("unknown")).toBe(false);
  });

  it("takes the selected stack where the command line names none", async () => {
    const where = { project: temporaryFolder(), pulumi: "/bin/false", environment: { PULUMI_STACK: "a" } };
    expect(await meantStack(["up"], where)).toBe("a");
    expect(await meantStack(["up", "-s", "b"], where)).toBe("b");
    expect(await meantStack(["up"], { ...where, environment: {} })).toBeUndefined();
  });
});
