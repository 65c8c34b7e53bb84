import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import { TestProject } from "./test-project.ts";

// Marked secret values go through a whole life of a fleet; then everything that could have kept one is searched.
const CANARY = "canary-3f1c9a7e5d";

describe("a marked secret", () => {
  let project: TestProject;
  const heard: string[] = [];
  const seenInArguments = new Set<string>();

  beforeAll(async () => {
    project = await TestProject.create();
    project.variables.WIFI_PASSWORD = `${CANARY}-wifi`;
    await project.mustPulumi("config", "set", "--secret", "otaToken", `${CANARY}-ota`);
    await project.manifests([
      cluster(project.id, { secrets: { "ota.token": { fromConfig: "otaToken" } } }),
      deviceClass("node"),
      group("all", "north", { secrets: { "wifi.password": { fromEnv: "WIFI_PASSWORD" } } }),
      device("a", "north"),
      device("b", "north"),
    ]);
    for (const args of [
      ["preview", "--diff"],
      ["up", "--yes", "--logtostderr", "-v=5"],
      ["preview", "--json"],
      ["refresh", "--yes"],
    ]) {
      heard.push(await listenTo(args));
    }
    project.variables.WIFI_PASSWORD = `${CANARY}-wifi-2`;
    heard.push(await listenTo(["up", "--yes", "--diff"]));
  });
  afterAll(() => project?.[Symbol.asyncDispose]());

  async function listenTo(args: string[]): Promise<string> {
    const running = project.start(...args);
    let over = false;
    const watch = (async () => {
      while (!over) {
        for (const line of await argumentsOfAll()) if (line.includes(CANARY)) seenInArguments.add(line);
        await sleep(100);
      }
    })();
    const { exitCode, stdout, stderr } = await running;
    over = true;
    await watch;
    expect(exitCode).toBe(0);
    return `${stdout}\n${stderr}`;
  }

  it("is in the devices' Secrets, so the search looks for what is really there", async () => {
    const secret = (await project.secret(project.id, "a-device"))!;
    expect(secret["config.bin"]!.includes(`${CANARY}-wifi-2`)).toBe(true);
  });

  it("was in no output and no log of any command", () => {
    for (const text of heard) expect(text.includes(CANARY)).toBe(false);
  });

  it("was in no process's arguments", () => {
    expect([...seenInArguments]).toEqual([]);
  });

  it("is in no file of the project: not the state, its backups and history, nor anything left over", async () => {
    const files = await readdir(project.folder, { recursive: true, withFileTypes: true });
    const found: string[] = [];
    for (const file of files.filter((entry) => entry.isFile())) {
      const path = join(file.parentPath, file.name);
      const content = await readFile(path);
      if (forms(CANARY).some((form) => content.includes(form))) found.push(path);
    }
    expect(found).toEqual([]);
  });

  it("is in no object of the cluster but Secrets", async () => {
    const { stdout } = await project.kubectl(
      "get",
      "configmaps,namespaces,events,leases,serviceaccounts",
      "-A",
      "-o",
      "json",
    );
    expect(JSON.parse(stdout).items.length).toBeGreaterThan(3);
    for (const form of forms(CANARY)) expect(stdout.includes(form)).toBe(false);
  });
});

/** The value itself and its base64 at each of the three alignments, without the characters that its neighbours decide. */
function forms(value: string): string[] {
  const shifted = [0, 1, 2].map((shift) => {
    const encoded = Buffer.from("x".repeat(shift) + value)
      .toString("base64")
      .replace(/=+$/, "");
    return encoded.slice(shift === 0 ? 0 : shift + 1, -2);
  });
  return [value, ...shifted];
}

async function argumentsOfAll(): Promise<string[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""));
  return Promise.all(lines);
}
