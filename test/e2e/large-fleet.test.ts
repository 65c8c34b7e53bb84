import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { family, killAll } from "../chaos/processes.ts";
import { cluster, device, deviceClass } from "./manifests.ts";
import { STACK, TestProject } from "./test-project.ts";

// A build that never ends, so that the update is surely under way when it is killed.
const ENDLESS = {
  builder: { name: "command", args: { command: ["sh", "-c", "while :; do sleep 1; done"] } },
};
const UP = ["pulumi", "up", "--yes", "--skip-preview", "--suppress-outputs", "--non-interactive"];

/** Starts an update that cannot end, kills all of it as soon as the device's Secret is there. */
async function killedAfterWriting(name: string, project: TestProject): Promise<void> {
  const update = project.startEdgeflock(UP);
  let ended = false;
  void update.then(() => (ended = true));
  while ((await project.secret(project.id, `${name}-device`)) === undefined) {
    if (ended) throw new Error(`the update ended: ${(await update).stdout}\n${(await update).stderr}`);
    await sleep(50);
  }
  killAll(family(update.pid!).map(({ pid }) => pid));
  await update;
}

// What a fleet of many devices gets by itself (toolchain/checkpoints.ts), here with few.
describe("a fleet whose updates save the state once, at the end", () => {
  let project: TestProject;
  const unsaved = () => existsSync(join(project.folder, ".edgeflock", "unsaved", STACK));
  const stateHas = async (text: string) => (await project.state()).includes(text);
  const password = async (name: string) =>
    (await project.secret(project.id, `${name}-device`))?.MQTT_PASSWORD?.toString();

  beforeAll(async () => {
    project = await TestProject.create();
    await project.mustPulumi("config", "set", "edgeflock:checkpoints", "end");
  });
  afterAll(() => project?.[Symbol.asyncDispose]());

  it("has its root key in the state before anything that derives from it leaves the machine", async () => {
    await project.manifests([
      cluster(project.id),
      deviceClass("node"),
      deviceClass("slow", { firmware: ENDLESS }),
      device("a", "north"),
    ]);
    await killedAfterWriting("a", project);
    const before = await password("a");
    expect(before).toMatch(/^\w{43}$/);
    expect(await stateHas("::edgeflock-root-key")).toBe(true);
    expect(await stateHas("edgeflock:index:Device")).toBe(false);
    expect(unsaved()).toBe(true);
    await project.manifests([cluster(project.id), deviceClass("node"), device("a", "north")]);
    const { exitCode, stdout, stderr } = await project.edgeflock(...UP);
    expect(exitCode, (stdout + stderr).slice(-3000)).toBe(0);
    expect(await password("a")).toBe(before);
    expect(await project.preview()).toEqual([]);
    expect(unsaved()).toBe(false);
  });

  it("removes what a killed update created and nobody declares any more, and nothing else", async () => {
    await project.manifests([
      cluster(project.id),
      deviceClass("node"),
      deviceClass("slow", { firmware: ENDLESS, settings: { "sensor.pin": 4 } }),
      device("a", "north"),
      device("b", "north"),
    ]);
    await killedAfterWriting("b", project);
    expect(await stateHas(`::${project.id}/b"`)).toBe(false);
    const foreign = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "foreign", namespace: project.id },
    };
    await project.api.create(foreign);
    const kept = await password("a");
    await project.manifests([cluster(project.id), deviceClass("node"), device("a", "north")]);
    const { exitCode, stdout, stderr } = await project.edgeflock(...UP);
    expect(exitCode, (stdout + stderr).slice(-3000)).toBe(0);
    expect(stderr).toContain(`Removed Secret ${project.id}/b-device of the killed update.`);
    const left = await project.api.listMetadata({ apiVersion: "v1", kind: "Secret", namespace: project.id });
    const names = left.map(({ metadata }) => metadata.name).filter((name) => !name.includes("-token-"));
    expect(names.sort()).toEqual([
      "a-device",
      "foreign",
      "node-device-class",
      `${project.id}-devices-cluster`,
    ]);
    expect(await password("a")).toBe(kept);
    expect(await project.preview()).toEqual([]);
    expect(unsaved()).toBe(false);
  });

  it("takes a key out of a Secret that it created before it ever applied it", async () => {
    const declare = (spec: object) =>
      project.manifests([cluster(project.id), deviceClass("node"), device("c", "north", spec)]);
    const mapping = [{ setting: "door.code", secretKey: "DOOR_CODE" }];
    await declare({ secrets: { "door.code": { random: { length: 20 } } }, mapping });
    expect((await project.edgeflock(...UP)).exitCode).toBe(0);
    expect(Object.keys((await project.secret(project.id, "c-device"))!)).toContain("DOOR_CODE");
    await declare({});
    expect((await project.edgeflock(...UP)).exitCode).toBe(0);
    expect(Object.keys((await project.secret(project.id, "c-device"))!)).not.toContain("DOOR_CODE");
    expect(await project.preview()).toEqual([]);
  });
});
