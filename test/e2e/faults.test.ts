import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { cluster, device, deviceClass, twoHalls } from "./manifests.ts";
import { type Ran, TestProject } from "./test-project.ts";

const projects: TestProject[] = [];
async function newProject(program?: string): Promise<TestProject> {
  const project = await TestProject.create(program);
  project.variables.NORTH_WIFI_PASSWORD = "north-password-1";
  projects.push(project);
  return project;
}
afterEach(async () => {
  for (const project of projects.splice(0)) await project[Symbol.asyncDispose]();
});

const text = (ran: Ran) => `${ran.stdout}\n${ran.stderr}`;
function expectSentence(ran: Ran, expected: RegExp): void {
  expect(ran.exitCode).not.toBe(0);
  expect(text(ran)).toMatch(expected);
  expect(text(ran)).not.toMatch(/\n\s+at .*\.(ts|js):\d+/);
}

describe("a user's mistake ends in a sentence, without a stack trace, and changes nothing:", () => {
  it("manifests with several mistakes are all named with file, line and column", async () => {
    const project = await newProject();
    await project.write(
      "stacks/test/fleet.yaml",
      [
        "apiVersion: edgeflock.io/v1alpha1",
        "kind: Device",
        "metadata: { name: Cam }",
        "spec:",
        "  deviceClasReference: { name: x }",
      ].join("\n"),
    );
    const ran = await project.previewRaw();
    expectSentence(ran, /stacks\/test\/fleet\.yaml:3:\d+ metadata\.name: /);
    expect(text(ran)).toMatch(/fleet\.yaml:5:3 .*did you mean "deviceClassReference"/);
  });

  it("a secret without a value is named with the manifest that wants it", async () => {
    const project = await newProject();
    await project.manifests(twoHalls(project.id));
    delete project.variables.NORTH_WIFI_PASSWORD;
    expectSentence(
      await project.previewRaw(),
      /fleet\.yaml:\d+:\d+ spec\.secrets\.wifi\.password: .*NORTH_WIFI_PASSWORD/,
    );
  });

  it("a kube-context that is not there is answered with those that are", async () => {
    const project = await newProject();
    await project.manifests(twoHalls(project.id));
    await project.mustPulumi("config", "set", "edgeflock:kubeContext", "production");
    expectSentence(await project.previewRaw(), /no kube-context "production"[\s\S]*Contexts there: /);
  });

  it("a stack that names no Kubernetes is told how", async () => {
    const project = await newProject();
    await project.manifests(twoHalls(project.id));
    await project.mustPulumi("config", "rm", "edgeflock:kubeContext");
    expectSentence(
      await project.previewRaw(),
      /does not say which Kubernetes[\s\S]*pulumi config set edgeflock:kubeContext/,
    );
  });

  it("an API server that is down", async () => {
    const project = await newProject();
    await project.manifests(twoHalls(project.id));
    const port = await freePort();
    const server = { server: `https://127.0.0.1:${port}` };
    const kubeconfig = {
      clusters: [{ name: "c", cluster: server }],
      contexts: [{ name: "down", context: { cluster: "c", user: "u" } }],
      users: [{ name: "u", user: {} }],
    };
    await project.write("down.json", JSON.stringify(kubeconfig));
    await project.mustPulumi("config", "set", "edgeflock:kubeconfig", join(project.folder, "down.json"));
    await project.mustPulumi("config", "set", "edgeflock:kubeContext", "down");
    expectSentence(await project.previewRaw(), /refused the connection[\s\S]*npm run cluster -- start/);
  });

  it("a wrong passphrase", async () => {
    const project = await newProject();
    await project.manifests(twoHalls(project.id));
    await project.up();
    project.variables.PULUMI_CONFIG_PASSPHRASE = "wrong";
    expectSentence(await project.previewRaw(), /incorrect passphrase/);
    delete project.variables.PULUMI_CONFIG_PASSPHRASE;
    expect(await project.preview()).toEqual([]);
  });

  it("a builder that fails shows its last lines, and the next run goes on", async () => {
    const project = await newProject();
    const failing = {
      builder: {
        name: "command",
        args: { command: ["sh", "-c", "echo the sensor library is missing >&2; exit 3"] },
      },
    };
    await project.manifests([
      cluster(project.id),
      deviceClass("node", { firmware: failing }),
      device("a", "north"),
    ]);
    expectSentence(await project.pulumi("up", "--yes", "--skip-preview"), /the sensor library is missing/);
    await project.manifests([cluster(project.id), deviceClass("node"), device("a", "north")]);
    await project.up();
    expect(await project.preview()).toEqual([]);
  });
});

describe("a quota that is used up", () => {
  it("is named with the way out, and the next run goes on", async () => {
    const project = await newProject();
    await project.manifests([cluster(project.id), deviceClass("node")]);
    await project.up();
    const quota = {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { namespace: project.id, name: "full" },
    };
    await project.api.create({ ...quota, spec: { hard: { secrets: "2" } } } as never);
    // what the quota controller would write; the embedded Kubernetes does not run it
    const status = JSON.stringify({ status: { hard: { secrets: "2" }, used: { secrets: "2" } } });
    const patched = await project.kubectl(
      "-n",
      project.id,
      "patch",
      "resourcequota",
      "full",
      "--subresource=status",
      "--type=merge",
      "-p",
      status,
    );
    expect(patched.exitCode).toBe(0);
    await project.manifests([cluster(project.id), deviceClass("node"), device("a", "north")]);
    expectSentence(
      await project.pulumi("up", "--yes", "--skip-preview"),
      /exceeded quota[\s\S]*Raise the ResourceQuota/,
    );
    await project.api.delete(quota);
    await project.up();
    expect(await project.secret(project.id, "a-device")).toBeDefined();
  });
});

describe("objects of others", () => {
  it("a second stack with the same namespace is refused, and the first one's devices stay as they are", async () => {
    const first = await newProject();
    await first.manifests(twoHalls(first.id));
    await first.up();
    const before = await first.secret(first.id, "a-device");
    const second = await newProject();
    await second.manifests(twoHalls(first.id));
    const ran = await second.pulumi("up", "--yes", "--skip-preview");
    expect(ran.exitCode).not.toBe(0);
    expect(text(ran)).toMatch(/exists/);
    expect(await first.secret(first.id, "a-device")).toEqual(before);
    await second.manifests([cluster(second.id)]);
    await second.up();
    expect(await first.preview()).toEqual([]);
  });

  it("a Secret that somebody else made under a device's name is left alone, and named", async () => {
    const project = await newProject();
    await project.manifests([cluster(project.id), deviceClass("node")]);
    await project.up();
    await project.kubectl(
      "-n",
      project.id,
      "create",
      "secret",
      "generic",
      "a-device",
      "--from-literal=theirs=1",
    );
    await project.manifests([cluster(project.id), deviceClass("node"), device("a", "north")]);
    expectSentence(
      await project.pulumi("up", "--yes", "--skip-preview"),
      /Secret \w+\/a-device exists already and was not made by Edgeflock/,
    );
    expect(await project.secret(project.id, "a-device")).toEqual({ theirs: Buffer.from("1") });
    await project.kubectl("-n", project.id, "delete", "secret", "a-device");
    await project.up();
  });
});

describe("an interrupted run", () => {
  const fleet = (namespace: string, count: number) => [
    cluster(namespace),
    deviceClass("node"),
    ...Array.from({ length: count }, (_, n) => device(`d${n}`, "north")),
  ];

  it("stopped by Ctrl-C goes on at the next run, with the same credentials and no orphans", async () => {
    const project = await newProject();
    await project.manifests(fleet(project.id, 12));
    const running = project.start("up", "--yes", "--skip-preview");
    await until(async () => (await project.secret(project.id, "d0-device")) !== undefined);
    running.kill("SIGINT");
    expect((await running).exitCode).not.toBe(0);
    const before = await passwords(project);
    expect(before.size).toBeGreaterThan(0);
    await project.up();
    const after = await passwords(project);
    expect(after.size).toBe(12);
    for (const [name, password] of before) expect(after.get(name)).toBe(password);
    expect(await project.preview()).toEqual([]);
  });

  it("killed with kill -9 goes on after the lock is removed, with the same credentials", async () => {
    const project = await newProject();
    await project.manifests(fleet(project.id, 12));
    const running = project.start("up", "--yes", "--skip-preview");
    await until(async () => (await project.secret(project.id, "d0-device")) !== undefined);
    running.kill("SIGKILL");
    await running;
    const before = await passwords(project);
    await project.mustPulumi("cancel", "--yes");
    await project.mustPulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates");
    await project.up();
    const after = await passwords(project);
    expect(after.size).toBe(12);
    for (const [name, password] of before) expect(after.get(name)).toBe(password);
    expect(await project.preview()).toEqual([]);
  });
});

async function passwords(project: TestProject): Promise<Map<string, string>> {
  const items = await project.api.list<{ metadata: { name: string }; data?: Record<string, string> }>(
    { apiVersion: "v1", kind: "Secret", namespace: project.id },
    { labelSelector: "edgeflock.io/device" },
  );
  return new Map(items.map(({ metadata, data }) => [metadata.name, data?.MQTT_PASSWORD ?? ""]));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1200; tries++) {
    if (await condition()) return;
    await sleep(50);
  }
  throw new Error("it did not happen within a minute");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
