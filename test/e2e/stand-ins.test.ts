// The stand-ins under the real engine: states, previews, replacements, refusals and interruptions. They are
// taken here even where the official plugins can be had.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { TestProject } from "./test-project.ts";

const PROGRAM = `
import * as command from "@pulumi/command";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
const config = new pulumi.Config();
// What a test sets comes by the environment: a run of pulumi less for each.
const setting = (key: string) => process.env["SETTING_" + key];
const provider = new k8s.Provider("cluster", {
  kubeconfig: setting("kubeconfig")!,
  clusterIdentifier: "the-test-cluster",
  enableSecretMutable: setting("mutable") === "true" || undefined,
});
const options = { provider };
const name = setting("name")!;
const step = setting("step") ?? "fleet";
export const outputs: Record<string, unknown> = {};
if (step === "fleet") {
  const namespace = new k8s.core.v1.Namespace("namespace", { metadata: { name } }, options);
  const metadata = { namespace: namespace.metadata.name };
  const bytes = new random.RandomBytes("bytes", { length: 16, keepers: { v: setting("keeper") ?? "1" } });
  new random.RandomPassword("password", { length: 24, minNumeric: 3, special: false });
  const id = new random.RandomId("id", { byteLength: 4 });
  new random.RandomUuid("uuid");
  new k8s.core.v1.Secret("secret", {
    metadata: { ...metadata, name: "secret" },
    stringData: { token: config.requireSecret("token"), bytes: bytes.base64 },
  }, options);
  new k8s.core.v1.ConfigMap("settings", {
    metadata: { ...metadata, labels: { run: setting("label") ?? "one" } },
    data: { id: id.hex, value: setting("value") ?? "1" },
  }, options);
  const account = new k8s.core.v1.ServiceAccount("account", { metadata: { ...metadata, name: "account" } }, options);
  const role = new k8s.rbac.v1.Role("role", { metadata, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] }, options);
  new k8s.rbac.v1.RoleBinding("binding", {
    metadata: { ...metadata, name: "binding" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
    subjects: [{ kind: "ServiceAccount", name: account.metadata.name, namespace: name }],
  }, options);
  const made = new command.local.Command("made", {
    create: "echo made $LABEL",
    update: "echo updated from \\"$PULUMI_COMMAND_STDOUT\\"",
    delete: "echo \\"deleted after $PULUMI_COMMAND_STDOUT\\" > deleted.txt",
    environment: { LABEL: setting("label") ?? "one", TOKEN: config.requireSecret("token") },
  });
  outputs.made = made.stdout;
}
const inDefault = { name, namespace: "default" };
if (step === "existing") new k8s.core.v1.ConfigMap("existing", { metadata: inDefault, data: { a: "mine" } }, options);
if (step === "import") new k8s.core.v1.ConfigMap("existing", { metadata: inDefault, data: { a: "theirs" } }, { ...options, import: \`default/\${name}\` });
if (step === "imported") new k8s.core.v1.ConfigMap("existing", { metadata: inDefault, data: { a: "theirs" } }, options);
if (step === "invalid") new k8s.core.v1.Service("invalid", { metadata: inDefault, spec: { ports: [{ port: 99999 }] } }, options);
if (step === "helm") new k8s.helm.v3.Release("chart", { chart: "x" }, options);
if (step === "pet") new random.RandomPet("pet");
if (step === "remote") new command.remote.Command("far", { connection: { host: "x" }, create: "true" });
if (step === "held") new k8s.core.v1.ConfigMap("held", { metadata: { ...inDefault, finalizers: ["edgeflock.io/test"] } }, { ...options, customTimeouts: { delete: "2s" } });
if (step === "custom") {
  const definition = new k8s.apiextensions.v1.CustomResourceDefinition("definition", {
    metadata: { name: \`\${name}s.test.edgeflock.io\` },
    spec: {
      group: "test.edgeflock.io",
      scope: "Namespaced",
      names: { plural: \`\${name}s\`, kind: \`K\${name}\` },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", x_kubernetes_preserve_unknown_fields: true } } } } }],
    },
  }, options);
  new k8s.apiextensions.CustomResource("custom", { apiVersion: "test.edgeflock.io/v1", kind: \`K\${name}\`, metadata: inDefault, spec: { n: 1 } }, { ...options, dependsOn: definition });
}
if (step === "slow") new command.local.Command("slow", { create: "sleep 300 & echo $! > slow.pid; wait" });
`;

interface StateResource {
  urn: string;
  id: string;
  type: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
}

let project: TestProject;
const TOKEN = "the-token-nobody-reads";

beforeAll(async () => {
  process.env.EDGEFLOCK_STAND_INS = "always";
  project = await TestProject.create(PROGRAM);
  set("kubeconfig", inject("kubeconfig"));
  set("name", project.id);
  await project.mustPulumi("config", "set", "--secret", "token", TOKEN);
});

afterAll(async () => {
  delete process.env.EDGEFLOCK_STAND_INS;
  set("step", "none");
  await project?.[Symbol.asyncDispose]();
});

/** Sets what the program reads from then on. */
function set(key: string, value: string): void {
  project.variables[`SETTING_${key}`] = value;
}

async function resources(): Promise<Record<string, StateResource>> {
  const state = JSON.parse(await project.state()) as { deployment: { resources: StateResource[] } };
  return Object.fromEntries(state.deployment.resources.map((each) => [each.urn.split("::")[3]!, each]));
}

const steps = async () =>
  (await project.preview()).map(({ op, urn }) => `${op} ${urn.split("::")[3]}`).sort();

const isSecret = (value: unknown) =>
  (value as Record<string, unknown>)["4dabf18193072939515e22adb298388d"] ===
  "1b47061264138c4ac30d75fd1eb44270";

describe("a stack of all that Edgeflock uses", () => {
  it("comes up, and a second up changes nothing", async () => {
    set("step", "fleet");
    expect(await project.up()).toEqual({ create: 13 });
    expect(await project.up()).toEqual({});
    expect(await steps()).toEqual([]);
  });

  it("keeps the state of the official plugins", async () => {
    const { secret, settings, bytes, password, id, uuid, made } = await resources();
    expect(secret!.id).toBe(`${project.id}/secret`);
    expect(Object.keys(secret!.inputs).sort()).toEqual(["apiVersion", "data", "kind", "metadata"]);
    expect(secret!.outputs).toMatchObject({ __initialApiVersion: "v1", type: "Opaque" });
    expect(secret!.outputs.__fieldManager).toMatch(/^pulumi-kubernetes-[0-9a-f]{8}$/);
    expect(isSecret(secret!.inputs.data) && isSecret(secret!.outputs.data)).toBe(true);
    expect(isSecret((secret!.outputs.__inputs as Record<string, unknown>).data)).toBe(true);
    expect(settings!.id).toMatch(new RegExp(`^${project.id}/settings-[0-9a-f]{8}$`));
    expect(bytes!.id).toMatch(/^[A-Za-z0-9+/]{22}==$/);
    expect(isSecret(bytes!.outputs.base64) && isSecret(bytes!.outputs.hex)).toBe(true);
    expect(password!.id).toBe("none");
    expect(password!.outputs.__meta).toBe('{"schema_version":"3"}');
    expect(isSecret(password!.outputs.result) && isSecret(password!.outputs.bcryptHash)).toBe(true);
    expect(Buffer.from(id!.id, "base64url").toString("hex")).toBe(id!.outputs.hex);
    expect(uuid!.outputs.result).toBe(uuid!.id);
    expect(made!.id).toMatch(/^made[0-9a-f]{8}$/);
    expect(made!.outputs).toMatchObject({ stdout: "made one", stderr: "" });
  });

  it("shows the secret nowhere: not in the state, not in a preview, not in an update's output", async () => {
    set("label", "two");
    const texts = [await project.state(), (await project.previewRaw("--diff")).stdout];
    const updated = await project.mustPulumi("up", "--yes", "--skip-preview");
    texts.push(updated.stdout, updated.stderr);
    for (const text of texts) {
      expect(text).not.toContain(TOKEN);
      expect(text).not.toContain(Buffer.from(TOKEN).toString("base64"));
    }
  });

  it("updates in place what may change, and runs the update command after the create's output", async () => {
    const { settings, made } = await resources();
    expect(await project.output("outputs")).toEqual({ made: "updated from made one" });
    expect(made!.outputs.stdout).toBe("updated from made one");
    expect((settings!.outputs.metadata as { labels: unknown }).labels).toEqual({ run: "two" });
  });

  it("replaces what the official plugins replace, and its dependants follow", async () => {
    set("keeper", "2");
    set("value", "2");
    const replaced = (await steps()).filter((step) => step.startsWith("replace "));
    expect(replaced).toEqual(["replace bytes", "replace secret", "replace settings"]);
    const before = await resources();
    await project.up();
    const after = await resources();
    expect(after.settings!.id).not.toBe(before.settings!.id);
    expect(after.secret!.id).toBe(before.secret!.id);
    const live = await project.secret(project.id, "secret");
    expect(live?.bytes?.toString()).toBe(after.bytes!.id);
    expect(await steps()).toEqual([]);
  });

  it("changes a Secret in place where the provider allows it", async () => {
    set("mutable", "true");
    await project.up();
    await project.mustPulumi("config", "set", "--secret", "token", "another-token");
    expect(await steps()).toEqual(["update made", "update secret"]);
    await project.up();
    expect((await project.secret(project.id, "secret"))?.token?.toString()).toBe("another-token");
  });

  it("sees in a refresh what somebody edited or deleted, names who in a conflict, and mends it when told to", async () => {
    const patch = JSON.stringify({ stringData: { token: "edited" } });
    await project.kubectl("-n", project.id, "patch", "secret", "secret", "--type", "merge", "-p", patch);
    await project.kubectl("-n", project.id, "delete", "serviceaccount", "account");
    await project.mustPulumi("refresh", "--yes", "--skip-preview");
    const failed = await project.pulumi("up", "--yes", "--skip-preview");
    expect(failed.exitCode).not.toBe(0);
    expect(failed.stdout + failed.stderr).toMatch(
      /conflict with "kubectl-patch"[\s\S]*pulumi.com\/patchForce/,
    );
    const edited = PROGRAM.replace(
      'metadata: { ...metadata, name: "secret" }',
      'metadata: { ...metadata, name: "secret", annotations: { "pulumi.com/patchForce": "true" } }',
    );
    await project.write("index.ts", edited);
    await project.up();
    expect((await project.secret(project.id, "secret"))?.token?.toString()).toBe("another-token");
    expect((await project.kubectl("-n", project.id, "get", "serviceaccount", "account")).exitCode).toBe(0);
    expect(await steps()).toEqual([]);
  });

  it("goes away whole: the delete command has run and the namespace is gone when the update ends", async () => {
    set("step", "none");
    await project.up();
    expect((await project.kubectl("get", "namespace", project.id)).stderr).toMatch(/not found/i);
    const deleted = await readFile(join(project.folder, "deleted.txt"), "utf8");
    expect(deleted.trim()).toBe("deleted after updated from updated from made one");
  });
});

describe("objects that exist", () => {
  it("are not taken over, but can be imported and then change nothing", async () => {
    const create = ["-n", "default", "create", "configmap", project.id, "--from-literal=a=theirs"];
    await project.kubectl(...create);
    set("step", "existing");
    const failed = await project.pulumi("up", "--yes", "--skip-preview");
    expect(failed.exitCode).not.toBe(0);
    expect(failed.stdout + failed.stderr).toMatch(/already exists[\s\S]*import/);
    set("step", "import");
    expect(await project.up()).toEqual({ import: 1 });
    set("step", "imported");
    expect(await steps()).toEqual([]);
    await project.mustPulumi("state", "unprotect", "--all", "--yes");
  });
});

describe("custom resources", () => {
  it("are made in the same update as their definition", async () => {
    set("step", "custom");
    await project.up();
    expect(await steps()).toEqual([]);
    const { custom } = await resources();
    expect(custom!.outputs).toMatchObject({ spec: { n: 1 } });
    set("step", "none");
    await project.up();
  });
});

describe("what cannot be", () => {
  it("is said by the API server in the preview already", async () => {
    set("step", "invalid");
    const { exitCode, stdout, stderr } = await project.previewRaw();
    expect(exitCode).not.toBe(0);
    expect(stdout + stderr).toContain("must be between 1 and 65535");
  });

  it.for([
    ["helm", "kubernetes:helm.sh/v3:Release"],
    ["pet", "random:index/randomPet:RandomPet"],
    ["remote", "command:remote:Command"],
  ])("is refused by name, with the way to the official plugin: %s", async ([step, type]) => {
    set("step", step!);
    const { exitCode, stdout, stderr } = await project.previewRaw();
    const text = stdout + stderr;
    expect(exitCode).not.toBe(0);
    expect(text).toContain(type);
    expect(text).toContain("Install the official plugin");
    expect(text).not.toMatch(/\n\s+at .*\.ts:\d+/);
  });

  it("says what holds an object that does not go away, and goes on once it is let go", async () => {
    set("step", "held");
    await project.up();
    set("step", "none");
    const failed = await project.pulumi("up", "--yes", "--skip-preview");
    expect(failed.exitCode).not.toBe(0);
    expect(failed.stdout).toContain("held by the finalizers edgeflock.io/test");
    const free = JSON.stringify({ metadata: { finalizers: null } });
    await project.kubectl("-n", "default", "patch", "configmap", project.id, "--type", "merge", "-p", free);
    await project.up();
  });
});

describe("an update that is interrupted", () => {
  it("ends what it started", async () => {
    set("step", "slow");
    const running = project.start("up", "--yes", "--skip-preview");
    const pid = await until(async () => {
      const text = await readFile(join(project.folder, "slow.pid"), "utf8").catch(() => "");
      return text.trim() === "" ? undefined : Number(text);
    });
    expect(isAlive(pid)).toBe(true);
    running.kill("SIGINT");
    expect((await running).exitCode).not.toBe(0);
    await until(async () => (isAlive(pid) ? undefined : true));
  });
});

async function until<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
