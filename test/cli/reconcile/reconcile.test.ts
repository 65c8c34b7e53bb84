import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ReconcilerMetrics } from "../../../cli/reconcile/metrics.ts";
import { APPROVE_ANNOTATION, type ObservedObject } from "../../../cli/reconcile/observed-objects.ts";
import { type Judgement, reconcile } from "../../../cli/reconcile/reconcile.ts";
import { API_VERSION } from "../../../model/names.ts";

// What it decides to run, with a pulumi that says what the test wants; the real one is in test/e2e.
const PULUMI = `#!${process.execPath}
const { appendFileSync, copyFileSync } = require("node:fs");
const [operation, ...args] = process.argv.slice(2);
appendFileSync(process.env.TOLD + "/calls", [operation, ...args].join(" ") + "\\n");
copyFileSync(process.env.TOLD + "/" + operation, args[args.indexOf("--event-log") + 1]);
process.exitCode = require(process.env.TOLD + "/codes.json")[operation] ?? 0;
`;

const DEVICE =
  "urn:pulumi:test::fleet::edgeflock:index:DevicesCluster$edgeflock:index:Device$pulumi-nodejs:dynamic/edgeflock:Device::site/a";
const step = (place: string) =>
  JSON.stringify({
    resOutputsEvent: {
      metadata: {
        ...{ op: "update", urn: DEVICE, type: "pulumi-nodejs:dynamic/edgeflock:Device" },
        ...{ old: { inputs: { "place.name": "1" } }, new: { inputs: { "place.name": place } } },
      },
    },
  });
const violation = (enforcementLevel: string) =>
  JSON.stringify({
    policyEvent: { policyName: "max-changed-devices", enforcementLevel, message: "2 devices would change" },
  });

describe("a reconciliation", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "edgeflock-reconcile-"));
    process.env.EDGEFLOCK_CACHE = join(folder, "cache");
    await mkdir(join(folder, "bin"));
    await mkdir(join(folder, "stacks"));
    await writeFile(join(folder, "bin", "pulumi"), PULUMI);
    await chmod(join(folder, "bin", "pulumi"), 0o755);
    await writeFile(join(folder, "Pulumi.yaml"), "name: fleet\nruntime: nodejs\nstackConfigDir: stacks\n");
    await configure({});
    await says([]);
    await writeFile(join(folder, "up"), "");
  });
  afterEach(async () => {
    delete process.env.EDGEFLOCK_CACHE;
    await rm(folder, { recursive: true, force: true });
  });

  const configure = (config: object) =>
    writeFile(join(folder, "stacks", "Pulumi.test.yaml"), JSON.stringify({ config }));

  /** What pulumi finds, and the exit codes of its operations. */
  async function says(preview: readonly string[], codes: { preview?: number; up?: number } = {}) {
    await writeFile(join(folder, "preview"), preview.map((line) => `${line}\n`).join(""));
    await writeFile(join(folder, "codes.json"), JSON.stringify(codes));
  }

  async function calls(): Promise<string[]> {
    const text = await readFile(join(folder, "calls"), "utf8").catch(() => "");
    await rm(join(folder, "calls"), { force: true });
    return text.split("\n").filter(Boolean);
  }
  const operations = async () => (await calls()).map((call) => call.split(" ")[0]);

  function objects(annotations: Record<string, string> = {}, approved?: string): ObservedObject[] {
    const mqtt = { broker: { kind: "external", host: "mqtt.example" }, topicRoot: "site" };
    const of = (kind: ObservedObject["kind"], name: string, spec: Record<string, unknown>) => {
      const metadata = { name, uid: name, generation: 1 };
      const status = { observedGeneration: 1, ...(approved !== undefined && { approved }) };
      return kind === "DevicesCluster"
        ? { apiVersion: API_VERSION, kind, metadata: { ...metadata, annotations }, spec, status }
        : { apiVersion: API_VERSION, kind, metadata: { ...metadata, namespace: "site" }, spec };
    };
    return [
      of("DevicesCluster", "main", { namespace: "site", mqtt }),
      of("DeviceClass", "node", { chip: "esp32", firmware: { builder: { name: "native" } } }),
      of("Device", "a", { deviceClassReference: { name: "node" } }),
    ];
  }

  function run(options: Partial<Parameters<typeof reconcile>[0]> = {}): Promise<Judgement> {
    const source = { objects: () => [], isLeading: () => true, isReady: () => true };
    return reconcile({
      ...{ projectFolder: folder, stack: "test", objects: objects(), clusters: undefined, dryRun: false },
      environment: { PATH: `${join(folder, "bin")}${delimiter}${process.env.PATH}`, TOLD: folder },
      progress: { say: () => {}, step: (_: string, work: () => unknown) => work() } as never,
      ...{ signal: new AbortController().signal, metrics: new ReconcilerMetrics(source), say: () => {} },
      ...options,
    });
  }
  const ready = (judgement: Judgement, place: string) =>
    judgement.verdicts.get(place)?.find(({ type }) => type === "Ready");

  it("updates at once where nothing is to be asked", async () => {
    const judgement = await run();
    expect(await operations()).toEqual(["up"]);
    expect(ready(judgement, "Device site/a")).toMatchObject({ status: "True" });
  });

  it("has a preview judged first where the stack has policies, and begins nothing that one forbids", async () => {
    await configure({ "edgeflock:policies": "default" });
    await says([step("2"), violation("mandatory")], { preview: 1 });
    const judgement = await run();
    const [preview, ...others] = await calls();
    expect(preview).toMatch(/^preview .*--policy-pack \S+policy-pack/);
    expect(others).toEqual([]);
    expect(judgement.ended).toBe("done");
    expect(ready(judgement, "DevicesCluster main")).toMatchObject({
      ...{ status: "False", reason: "PolicyViolated" },
      message: "max-changed-devices: 2 devices would change",
    });
  });

  it("updates under the policies what none of them forbids", async () => {
    await configure({ "edgeflock:policies": "default" });
    await says([step("2"), violation("advisory")]);
    await run();
    const [preview, up] = await calls();
    expect([preview, up]).toEqual([
      expect.stringMatching(/^preview /),
      expect.stringMatching(/^up .*--policy-pack/),
    ]);
  });

  it("previews what a person has to approve, and updates it once it is approved", async () => {
    await says([step("2")]);
    const waiting = await run({ dryRun: true });
    expect(await operations()).toEqual(["preview"]);
    const { id, changes } = waiting.previews!.get("DevicesCluster main")!;
    expect(changes).toEqual(["update Device site/a: place.name"]);
    const approved = { [APPROVE_ANNOTATION]: id };
    const done = await run({ dryRun: true, objects: objects(approved) });
    expect(await operations()).toEqual(["preview", "up"]);
    expect(done).toMatchObject({ ended: "done", usedApproval: true });
    // what a Secret holds has changed since, and then the approval was used up
    await says([step("3")]);
    await run({ dryRun: true, objects: objects(approved) });
    await says([step("2")]);
    await run({ dryRun: true, objects: objects(approved, id) });
    expect(await operations()).toEqual(["preview", "preview"]);
  });

  it("tries again what was approved and failed, and decides nothing on previews when it was held up", async () => {
    await says([step("2")], { up: 1 });
    const { previews } = await run({ dryRun: true });
    const approved = objects({ [APPROVE_ANNOTATION]: previews!.get("DevicesCluster main")!.id });
    const failed = await run({ dryRun: true, objects: approved });
    expect(failed.ended).toBe("failed");
    expect(failed).not.toHaveProperty("previews");
    await calls();
    // the annotation is another's by now
    await run({ dryRun: true, approved: failed.approved });
    expect(await operations()).toEqual(["preview", "up"]);
  });
});
