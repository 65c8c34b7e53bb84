import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isLocked, removeStaleLocks, removeTornSidecars } from "../../toolchain/stale-locks.ts";

let state: string;
let locks: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
  locks = join(state, ".pulumi", "locks", "organization", "project", "prod");
  await mkdir(locks, { recursive: true });
});
afterEach(() => rm(state, { recursive: true, force: true }));

async function lock(content: object, name = "a.json"): Promise<string> {
  const path = join(locks, name);
  const whole = { username: "anna", hostname: hostname(), timestamp: new Date().toISOString(), ...content };
  await writeFile(path, JSON.stringify(whole));
  await writeFile(`${path}.attrs`, "{}");
  return path;
}

async function deadPid(): Promise<number> {
  const child = spawn("true");
  await new Promise((resolve) => child.once("exit", resolve));
  return child.pid!;
}

/** A process that is called pulumi. */
async function livingPulumi() {
  await symlink("/bin/sleep", join(state, "pulumi"));
  const child = spawn(join(state, "pulumi"), ["100"]);
  await new Promise((resolve) => child.once("spawn", resolve));
  return child;
}

describe("a lock of the file backend", () => {
  it("whose process is dead is removed with what belongs to it, and said", async () => {
    await lock({ pid: await deadPid(), timestamp: "2026-01-02T03:04:05Z" });
    expect(await removeStaleLocks(state, "project", "prod")).toEqual([
      expect.stringMatching(
        /process \d+, which is dead, is removed \(it was taken at 2026-01-02T03:04:05Z\)/,
      ),
    ]);
    expect(await readdir(locks)).toEqual([]);
    expect(await isLocked(state, "project", "prod")).toBe(false);
  });

  it("of a pulumi that runs stays", async () => {
    const pulumi = await livingPulumi();
    try {
      const path = await lock({ pid: pulumi.pid });
      expect(await removeStaleLocks(state, "project", "prod")).toEqual([]);
      expect(existsSync(path)).toBe(true);
      expect(await isLocked(state, "project", "prod")).toBe(true);
      expect(await isLocked(state, "project", "test")).toBe(false);
    } finally {
      pulumi.kill("SIGKILL");
    }
  });

  it("is a dead one's where the id is another process's by now: another program, or one that began later", async () => {
    await lock({ pid: process.pid }, "another-program.json");
    const pulumi = await livingPulumi();
    try {
      await lock({ pid: pulumi.pid, timestamp: "2020-01-01T00:00:00Z" }, "began-later.json");
      expect(await removeStaleLocks(state, "project", "prod")).toHaveLength(2);
    } finally {
      pulumi.kill("SIGKILL");
    }
  });

  it("of another machine stays, and so does one that cannot be read", async () => {
    await lock({ pid: await deadPid(), hostname: "elsewhere" });
    await writeFile(join(locks, "b.json"), "{");
    expect(await removeStaleLocks(state, "project", "prod")).toEqual([]);
    expect((await readdir(locks)).length).toBe(3);
  });

  it("of another stack is not looked at", async () => {
    await lock({ pid: await deadPid() });
    expect(await removeStaleLocks(state, "project", "other")).toEqual([]);
    expect((await readdir(locks)).length).toBe(2);
  });

  it("whose torn sidecar pulumi could not read loses that, and others stay", async () => {
    const stacks = join(state, ".pulumi", "stacks", "project");
    await mkdir(stacks, { recursive: true });
    await writeFile(join(stacks, "prod.json"), "{}");
    await writeFile(join(stacks, "prod.json.attrs"), "");
    await writeFile(join(stacks, "prod.json.bak.attrs"), '{"user.cache_control":""}');
    await removeTornSidecars(state, "project", "prod");
    expect((await readdir(stacks)).sort()).toEqual(["prod.json", "prod.json.bak.attrs"]);
  });

  it("that was killed while it was written is removed", async () => {
    await writeFile(join(locks, "c.json.1795488810915190434.tmp"), "");
    expect(await removeStaleLocks(state, "project", "prod")).toEqual(["An unfinished lock is removed."]);
    await chmod(state, 0o700);
    expect(await readdir(locks)).toEqual([]);
  });
});
