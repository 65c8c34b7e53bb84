import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { connect, type KubernetesApi } from "../../kubernetes/api.ts";
import { toolEnvironment } from "../../toolchain/environment.ts";
import { installEdgeflock } from "./installed-project.ts";
import { CHECKOUT } from "./test-project.ts";

// Somebody else's project: the packed tarball, installed by npm outside the checkout's own sources.
describe("the packed package in an empty project", () => {
  const id = `p${process.pid}`;
  const folder = join(CHECKOUT, ".edgeflock", "test-projects", id);
  const kubeconfig = inject("kubeconfig");
  let env: NodeJS.ProcessEnv;
  let api: KubernetesApi;

  const run = async (command: string, ...args: string[]) => {
    const ran = await execa(command, args, {
      cwd: folder,
      env: { ...env, PULUMI_STACK: "dev" },
      reject: false,
      stdin: "ignore",
    });
    if (ran.exitCode !== 0)
      throw new Error(`${command} ${args.join(" ")}: exit ${ran.exitCode}\n${ran.stdout}\n${ran.stderr}`);
    return ran.stdout;
  };

  const program = `import { Device, DeviceClass, DeviceGroup, DevicesCluster } from "edgeflock";
import * as pulumi from "@pulumi/pulumi";

const cluster = new DevicesCluster("site", {
  namespace: "${id}",
  mqtt: { broker: { kind: "external", host: "mqtt.example" }, topicRoot: "site" },
});
const node = new DeviceClass("node", { cluster, chip: "esp32", firmware: { builder: { name: "native" } } });
new DeviceGroup("all", { cluster, selector: {}, secrets: { "wifi.password": pulumi.secret("hunter2") } });
new Device("one", { cluster, deviceClassReference: { name: "node" }, data: { "place.name": "here" } });
export const script = node.flashScript;
`;

  beforeAll(async () => {
    await mkdir(folder, { recursive: true });
    env = await toolEnvironment({
      projectFolder: CHECKOUT,
      stateFolder: join(folder, ".edgeflock"),
      kubeconfig,
      ignoreUserBackend: true,
    });
    api = await connect({ kubeconfig });
    await installEdgeflock(folder, env);
    await writeFile(join(folder, "index.ts"), program);
    await writeFile(
      join(folder, "Pulumi.yaml"),
      JSON.stringify({
        name: "theirs",
        main: "index.ts",
        runtime: { name: "nodejs", options: { typescript: false } },
      }),
    );
    await run("pulumi", "stack", "init", "dev", "--non-interactive");
    await run("pulumi", "config", "set", "edgeflock:kubeconfig", kubeconfig);
    await run("pulumi", "config", "set", "edgeflock:kubeContext", api.contextName);
  });

  afterAll(async () => {
    await run("pulumi", "state", "unprotect", "--all", "--yes");
    await run("pulumi", "destroy", "--yes", "--skip-preview", "--non-interactive");
    await rm(folder, { recursive: true, force: true });
  });

  it("contains no TypeScript to run, as Node refuses that under node_modules", async () => {
    const files = (await readdir(join(folder, "node_modules", "edgeflock"), { recursive: true })).filter(
      (name) => name.endsWith(".ts") && !name.endsWith(".d.ts") && !name.startsWith("node_modules"),
    );
    expect(files).toEqual([]);
  });

  it("brings a device up, firmware and flash script included, and then finds nothing to do", async () => {
    await run("pulumi", "up", "--yes", "--skip-preview", "--non-interactive");
    const address = { apiVersion: "v1", kind: "Secret", metadata: { namespace: id, name: "one-device" } };
    const secret = await api.get<{ data: Record<string, string> }>(address);
    expect(Object.keys(secret.data)).toContain("config.bin");
    expect(await run("pulumi", "stack", "output", "script")).toMatch(/^#!\/bin\/sh/);
    await run("pulumi", "preview", "--expect-no-changes", "--non-interactive");
  });

  it("has the edgeflock command", async () => {
    expect(await run("npx", "edgeflock", "--help")).toContain("nvs");
    expect(await run("npx", "edgeflock", "nvs", "--help")).toContain("generate");
  });
});
