import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chooseCheckpoints, countDevices, MANY_DEVICES } from "../../toolchain/checkpoints.ts";
import { isUpdate, isWhole } from "../../toolchain/pulumi-stack.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const FILE = { PULUMI_BACKEND_URL: "file:///nowhere?metadata=skip" };
const device = (n: number) => `kind: Device\nmetadata: { name: d${n} }\n`;

function project(devices: number, config = "config: {}\n"): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "Pulumi.yaml"), "name: fleet\nstackConfigDir: stacks\nruntime: nodejs\n");
  mkdirSync(join(folder, "stacks/prod"), { recursive: true });
  writeFileSync(join(folder, "stacks/Pulumi.prod.yaml"), config);
  const documents = Array.from({ length: devices }, (_, n) => device(n));
  writeFileSync(join(folder, "stacks/prod/fleet.yaml"), documents.join("---\n"));
  return folder;
}

const choose = (projectFolder: string, environment: NodeJS.ProcessEnv = FILE) =>
  chooseCheckpoints({ projectFolder, stack: "organization/fleet/prod", environment });

describe("when an update saves its state", () => {
  it("is after each step for a small fleet, at the end for a large one", async () => {
    expect(await choose(project(MANY_DEVICES - 1))).toBe("each");
    expect(await choose(project(MANY_DEVICES))).toBe("end");
  });

  it("is what the stack's configuration says", async () => {
    expect(await choose(project(MANY_DEVICES, "config: { edgeflock:checkpoints: each }\n"))).toBe("each");
    expect(await choose(project(1, "config:\n  edgeflock:checkpoints: end\n"))).toBe("end");
    await expect(choose(project(1, "config: { edgeflock:checkpoints: never }\n"))).rejects.toThrow(
      'edgeflock:checkpoints is "never"; it takes "each", "end" or "auto".',
    );
  });

  it("is after each step where the backend takes single steps", async () => {
    const large = project(MANY_DEVICES);
    expect(await choose(large, { PULUMI_BACKEND_URL: "https://api.pulumi.com" })).toBe("each");
    expect(await choose(large, {})).toBe("each");
    expect(await choose(large, { PULUMI_BACKEND_URL: "s3://bucket" })).toBe("end");
  });

  it("counts the devices of a state too, whose manifests may have shrunk", async () => {
    const folder = project(1);
    const state = join(folder, "state/.pulumi/stacks/fleet");
    mkdirSync(state, { recursive: true });
    const resources = Array.from({ length: MANY_DEVICES }, () => ({ type: "edgeflock:index:Device" }));
    writeFileSync(join(state, "prod.json"), JSON.stringify({ resources }, undefined, 4));
    expect(await choose(folder, { PULUMI_BACKEND_URL: `file://${folder}/state` })).toBe("end");
  });
});

describe("devices in a manifest's text", () => {
  it("are documents of that kind, in every style, and no others", () => {
    expect(countDevices('kind: Device\n---\nkind:  "Device"\n---\n{ kind: Device }\n')).toBe(2);
    expect(countDevices('{"apiVersion":"edgeflock.io/v1alpha1","kind":"Device","metadata":{}}')).toBe(1);
    expect(countDevices("kind: DeviceClass\n---\nkind: DevicesCluster\n# kind: Device\n")).toBe(0);
  });
});

describe("a command line of pulumi", () => {
  it("is an update of the whole stack, or only of some of it", () => {
    expect(isUpdate(["--cwd", "x", "up", "--yes"])).toBe(true);
    expect(isUpdate(["preview"])).toBe(false);
    expect(isWhole(["up", "--yes"])).toBe(true);
    expect(isWhole(["destroy"])).toBe(true);
    for (const part of [["-t", "urn"], ["--target", "urn"], ["--target=urn"], ["--exclude", "urn"]]) {
      expect(isWhole(["up", ...part])).toBe(false);
    }
    expect(isWhole(["refresh"])).toBe(false);
  });
});
