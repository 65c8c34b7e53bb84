import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { withoutAutomaticLog } from "../../toolchain/pulumi-log.ts";

describe("pulumi's automatic log", () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "edgeflock-home-"));
    vi.stubEnv("EDGEFLOCK_DEBUG", "");
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(home, { recursive: true, force: true });
  });

  it("finds a file where it would make its folder, which says why", async () => {
    await withoutAutomaticLog(home);
    await withoutAutomaticLog(home);
    expect(await readFile(join(home, "logs"), "utf8")).toContain("EDGEFLOCK_DEBUG=1");
    expect((await stat(join(home, "logs"))).mode & 0o777).toBe(0o600);
  });

  it("is written for whoever looks for a fault, and kept", async () => {
    await withoutAutomaticLog(home);
    vi.stubEnv("EDGEFLOCK_DEBUG", "1");
    await withoutAutomaticLog(home);
    expect(existsSync(join(home, "logs"))).toBe(false);
    await mkdir(join(home, "logs"));
    await writeFile(join(home, "logs", "pulumi-up.log"), "what it said");
    await withoutAutomaticLog(home);
    expect(await readdir(join(home, "logs"))).toEqual(["pulumi-up.log"]);
    vi.stubEnv("EDGEFLOCK_DEBUG", "");
    await withoutAutomaticLog(home);
    expect(await readFile(join(home, "debug-logs", "pulumi-up.log"), "utf8")).toBe("what it said");
    expect((await stat(join(home, "logs"))).isFile()).toBe(true);
  });
});
