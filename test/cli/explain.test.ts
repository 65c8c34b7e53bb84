import { readFileSync } from "node:fs";
import { execa } from "execa";
import { describe, expect, it } from "vitest";

const edgeflock = (...args: string[]) =>
  execa(process.execPath, ["bin/edgeflock.mjs", ...args], { reject: false, env: { NO_COLOR: "1" } });

describe("edgeflock explain", () => {
  it("shows a device of the only stack, secrets by their source", async () => {
    const { exitCode, stdout } = await edgeflock("explain", "cactus-01");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /telemetry.interval +900 +telemetry\/interval +u32 +Device cactus-01 +60 of DevicesCluster greenhouse/,
    );
    expect(stdout).toContain("(secret from environment SOUTH_HALL_WIFI_PASSWORD)");
  });

  it("gives JSON to programs", async () => {
    const { stdout } = await edgeflock("explain", "roof-cam", "--stack", "demo", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ device: "roof-cam", class: "greenhouse-cam" });
  });

  it.each([
    [["explain", "catcus-01"], /no such device/, /Did you mean "cactus-01"\?/],
    [["explain", "cactus-01", "--stack", "../.."], /no such stack/, /There are: .*demo/],
    [["explain", "cactus-01", "--manifests", "model"], /no manifests in model/, /\*\.yaml/],
    [["explain", "cactus-01", "--manifests", "nowhere"], /Cannot read the folder nowhere/, /stacks/],
  ])("says in a sentence what is wrong and what to do: %j", async (args, message, hint) => {
    const { exitCode, stderr, stdout } = await edgeflock(...args);
    expect([exitCode, stdout]).toEqual([1, ""]);
    const [first, second, ...rest] = stderr.split("\n");
    expect(first).toMatch(message);
    expect(second).toMatch(hint);
    expect(rest).toEqual([]);
  });
});

describe("edgeflock schema", () => {
  it("writes what the checkout holds", async () => {
    const { stdout } = await edgeflock("schema");
    expect(`${stdout}\n`).toBe(readFileSync("stacks/edgeflock.schema.json", "utf8"));
  });

  it("says why it cannot write", async () => {
    const { exitCode, stderr } = await edgeflock("schema", "--output", "nowhere/schema.json");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Cannot write the schema: /);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});
