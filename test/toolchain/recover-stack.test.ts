import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Progress } from "../../toolchain/progress.ts";
import { recoverStack } from "../../toolchain/recover-stack.ts";

let folder: string;
const said: string[] = [];
const progress = { say: (line: string) => void said.push(line) } as Progress;
const lock = (more: object) =>
  JSON.stringify({ username: "anna", hostname: hostname(), timestamp: new Date().toISOString(), ...more });

/** A stack whose state has a pending operation. No pulumi is to be found, so that to settle it fails. */
const recover = () =>
  recoverStack({
    projectFolder: folder,
    stack: "prod",
    progress,
    environment: { PULUMI_BACKEND_URL: `file://${folder}`, PATH: folder },
  });
const locks = () => join(folder, ".pulumi", "locks", "organization", "fleet", "prod");

beforeEach(async () => {
  said.length = 0;
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
  await writeFile(join(folder, "Pulumi.yaml"), "name: fleet\nruntime: nodejs\n");
  const states = join(folder, ".pulumi", "stacks", "fleet");
  for (const path of [states, locks()]) await mkdir(path, { recursive: true });
  const pending_operations = [{ resource: { urn: "urn", type: "t" }, type: "creating" }];
  const state = { version: 3, checkpoint: { stack: "prod", latest: { resources: [], pending_operations } } };
  await writeFile(join(states, "prod.json"), JSON.stringify(state));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it("settles nothing while a living update holds the stack: what is pending is what that one does", async () => {
  await symlink("/bin/sleep", join(folder, "pulumi-that-runs"));
  const other = spawn(join(folder, "pulumi-that-runs"), ["100"]);
  try {
    await new Promise((resolve) => other.once("spawn", resolve));
    await writeFile(join(locks(), "a.json"), lock({ pid: other.pid }));
    await recover();
    expect(said).toEqual([]);
  } finally {
    other.kill("SIGKILL");
  }
});

it("settles nothing while a process of another machine may hold it", async () => {
  await writeFile(join(locks(), "a.json"), lock({ pid: 1, hostname: "elsewhere" }));
  await recover();
  expect(said).toEqual([]);
});

it("settles what a dead one left", async () => {
  const dead = spawn("true");
  await new Promise((resolve) => dead.once("exit", resolve));
  await writeFile(join(locks(), "a.json"), lock({ pid: dead.pid }));
  await expect(recover()).rejects.toThrow();
  expect(said).toEqual([expect.stringMatching(/^The last run was killed\. The lock of process/)]);
});
