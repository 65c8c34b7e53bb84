import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { parseAllDocuments } from "yaml";
import { startVirtualDevice } from "../../flash/virtual-esp32/start-virtual-device.ts";
import { findMosquitto, freePort, loopbackCertificate, Mosquitto } from "./mosquitto.ts";
import { CHECKOUT, TestProject } from "./test-project.ts";

// The demo's own fleet lives its whole life with marked secret values: previews, updates, rotation, a flashed board,
// a broker with the fleet's users, refresh, destroy. Then everything that could have kept one is searched, for the marked
// values and for those that were made up on the way.
const CANARY = "canary-3f1c9a7e5d";
const MARKED = {
  north: `${CANARY}-north-wifi`,
  south: `${CANARY}-south-wifi`,
  southLater: `${CANARY}-south-wifi-2`,
  portal: `${CANARY}-portal`,
  pin: `${CANARY}-pin`,
  ota: `${CANARY}-existing`,
};

type Manifest = {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: { mqtt: object; firmware: { secrets?: string[] }; secrets?: object };
};
type KubernetesObject = {
  kind: string;
  metadata: { namespace?: string; name: string };
  data?: Record<string, string>;
};

const hasMosquitto = (await findMosquitto()) !== undefined;

describe("a marked secret", () => {
  let project: TestProject;
  let broker: Mosquitto | undefined;
  let brokerLog = "";
  const heard: Record<string, string> = {};
  const seenInArguments = new Set<string>();
  /** What to look for: the mark, and every value that was made up. */
  const needles = new Map<string, string>([["the mark", CANARY]]);
  let objects: KubernetesObject[] = [];
  let secrets: KubernetesObject[] = [];
  let watching = true;
  let watcher: Promise<void>;

  beforeAll(async () => {
    project = await TestProject.create();
    await project.write("tmp/.keep", "");
    Object.assign(project.variables, {
      // Whatever is left over is then below the project's folder.
      TMPDIR: join(project.folder, "tmp"),
      SOUTH_HALL_WIFI_PASSWORD: MARKED.south,
    });
    watcher = watchArguments();
    for (const [key, value] of Object.entries({
      north: MARKED.north,
      portal: MARKED.portal,
      pin: MARKED.pin,
    })) {
      // As a person does: typed, so in no argument.
      await execa("pulumi", ["config", "set", "--secret", key, "--non-interactive"], {
        cwd: project.folder,
        env: { ...project.environment, PULUMI_STACK: "test" },
        input: value,
      });
    }
    const [tls, port] = await Promise.all([loopbackCertificate(), freePort()]);
    const fleet = (spec: object = {}) => demoFleet(project.id, { port, ca: tls.certificate }, spec);
    await project.manifests(await fleet());
    await hear("preview --diff");
    await hear("up --yes --logtostderr -v=5");
    await startBroker(port, tls);
    await project.api.apply(
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { namespace: project.id, name: "existing" },
        data: { token: Buffer.from(MARKED.ota).toString("base64") },
      } as never,
      { fieldManager: "test" },
    );
    const source = { fromSecret: { name: "existing", key: "token" } };
    await project.manifests(await fleet({ settings: { "ota.token": source } }));
    await hear("preview", false);
    expect(heard.preview).toContain("belongs under");
    await project.manifests(
      await fleet({ secrets: { "portal.token": { fromConfig: "portal" }, "ota.token": source } }),
    );
    project.variables.SOUTH_HALL_WIFI_PASSWORD = MARKED.southLater;
    await hear("preview --json");
    await hear("up --yes --diff");
    await hear("refresh --yes --diff");
    await hear("stack output --json");
    await hear("stack history --json");
    await hear("stack export");
    await flashBoard("fern-01");
    await collect();
    await speak();
    watching = false;
    await watcher;
  });
  afterAll(async () => {
    watching = false;
    await watcher;
    await broker?.stop();
    await project?.[Symbol.asyncDispose]();
  });

  async function hear(command: string, succeeds = true): Promise<void> {
    const { stdout, stderr, exitCode } = await project.start(...command.split(" "));
    if ((exitCode === 0) !== succeeds) throw new Error(`${command}: ${exitCode}\n${stdout}\n${stderr}`);
    heard[command] = `${heard[command] ?? ""}${stdout}\n${stderr}`;
  }

  async function watchArguments(): Promise<void> {
    while (watching) {
      for (const line of await argumentsOfAll()) if (holds(line, CANARY)) seenInArguments.add(line);
      await sleep(50);
    }
  }

  async function startBroker(port: number, tls: Awaited<ReturnType<typeof loopbackCertificate>>) {
    if (!hasMosquitto) return;
    const { passwordfile, aclfile } = (await project.secret(project.id, "greenhouse-broker-1"))!;
    const files = { passwordfile: passwordfile!.toString(), aclfile: aclfile!.toString() };
    broker = await Mosquitto.start(join(project.folder, "broker"), port, tls, files);
  }

  /** A device and an application connect, and somebody with a wrong password is turned away. */
  async function speak(): Promise<void> {
    if (!broker) return;
    const login = async (name: string) => {
      const secret = (await project.secret(project.id, name))!;
      return { username: String(secret.MQTT_USERNAME), password: String(secret.MQTT_PASSWORD) };
    };
    const device = await login("fern-01-device");
    const reader = await (await broker.connect(await login("recorder-mqtt"))).subscribeAsync("greenhouse/#");
    expect(reader).toHaveLength(1);
    const client = await broker.connect(device);
    await client.publishAsync("greenhouse/fern-01/temperature", "21", { qos: 1 });
    await client.endAsync();
    await expect(broker.connect({ ...device, password: `${CANARY}-wrong` })).rejects.toThrow();
    await vi.waitFor(() => expect(broker!.log).toMatch(/not authori[sz]ed/i), 10_000);
    brokerLog = broker.log;
  }

  async function flashBoard(name: string): Promise<void> {
    const { stdout: scripts } = await project.start("stack", "output", "flashScripts", "--json");
    const script = (JSON.parse(scripts) as Record<string, string>)["greenhouse-node"]!;
    await using board = await startVirtualDevice({
      chip: "esp32",
      flash: join(project.folder, "board.flash"),
    });
    const ran = await execa("sh", ["-s", "--", name, "--port", board.url, "--yes"], {
      input: script,
      env: { ...project.environment, TMPDIR: project.variables.TMPDIR },
      extendEnv: false,
      reject: false,
    });
    expect(ran.stderr).toContain("Done: written");
    await board.waitFor(/edgeflock: device fern-01/, { timeoutMs: 60_000 });
    heard["flash.sh"] = `${script}\n${ran.stdout}\n${ran.stderr}`;
    heard["the board's console"] = board.console.join("\n");
  }

  /** All objects of the cluster, of whatever kind; and what the fleet's own Secrets hold, to look for. */
  async function collect(): Promise<void> {
    const { stdout: kinds } = await project.kubectl("api-resources", "--verbs=list", "-o", "name");
    const { stdout } = await project.kubectl("get", kinds.trim().split("\n").join(","), "-A", "-o", "json");
    const all = JSON.parse(stdout).items as KubernetesObject[];
    secrets = all.filter(({ kind }) => kind === "Secret");
    objects = all.filter(({ kind }) => kind !== "Secret");
    for (const { metadata, data } of secrets.filter((secret) => secret.metadata.namespace === project.id)) {
      if (data?.MQTT_PASSWORD) needles.set(metadata.name, decoded(data.MQTT_PASSWORD));
    }
    const { stdout: state } = await project.start("stack", "export", "--show-secrets");
    const { deployment } = JSON.parse(state);
    const root = deployment.resources.find(({ urn }: { urn: string }) =>
      urn.endsWith("::edgeflock-root-key"),
    );
    needles.set("the root key", JSON.parse(root.outputs.result.plaintext));
  }

  it("is where it belongs, so the search looks for what is really there", async () => {
    const secret = (await project.secret(project.id, "cactus-01-device"))!;
    expect(secret["config.bin"]!.includes(MARKED.southLater)).toBe(true);
    expect((await project.secret(project.id, "greenhouse-devices-cluster"))!["ota.token"]!.toString()).toBe(
      MARKED.ota,
    );
    // Six devices, a reader, an application, the root key and the mark.
    expect([...needles.keys()].sort()).toEqual(
      [
        ...["cactus-01", "door-cam", "fern-01", "fern-02", "orchid-01", "roof-cam"].map(
          (name) => `${name}-device`,
        ),
        "home-mqtt",
        "recorder-mqtt",
        "the mark",
        "the root key",
      ].sort(),
    );
    for (const needle of needles.values()) expect(needle.length).toBeGreaterThanOrEqual(17);
    const flash = await readFile(join(project.folder, "board.flash"));
    expect(flash.includes(MARKED.north)).toBe(true);
  });

  it("was in no output and no log of any command", () => {
    const found = Object.entries(heard).flatMap(([command, text]) => hits(command, text));
    expect(found).toEqual([]);
  });

  it("was in no process's arguments", () => {
    expect([...seenInArguments]).toEqual([]);
  });

  it("is in no file of the project: not the state, its backups and history, nor anything left over", async () => {
    const found = await search(project.folder, (path) => path !== join(project.folder, "board.flash"));
    expect(found).toEqual([]);
  });

  it("is in no firmware that other stacks share", async () => {
    const cache = project.environment.EDGEFLOCK_CACHE ?? join(process.env.HOME ?? "", ".cache", "edgeflock");
    expect(await search(join(cache, "firmware"))).toEqual([]);
  });

  it("is in no log of the cluster, and not in the clear in its store", async () => {
    const folder = dirname(inject("kubeconfig"));
    expect(folder.startsWith(CHECKOUT)).toBe(true);
    expect(await search(folder)).toEqual([]);
  });

  it("is in no object of the cluster but Secrets, whatever its kind", () => {
    const kinds = new Set(objects.map(({ kind }) => kind));
    for (const kind of ["ConfigMap", "Namespace", "Lease", "ServiceAccount", "Role"])
      expect(kinds).toContain(kind);
    const found = objects.flatMap((object) => {
      const { namespace = "", name } = object.metadata;
      return hits(`${object.kind} ${namespace}/${name}`, JSON.stringify(object));
    });
    expect(found).toEqual([]);
  });

  it("is in the Secrets of those whom it is for, and in nobody else's", () => {
    const holders = (value: string) =>
      secrets
        .filter(({ data }) =>
          Object.values(data ?? {}).some((each) => Buffer.from(each, "base64").includes(value)),
        )
        .map(({ metadata }) => metadata.name)
        .sort();
    expect(holders(MARKED.north)).toEqual([
      "door-cam-device",
      "fern-01-device",
      "fern-02-device",
      "north-hall-device-group",
    ]);
    expect(holders(MARKED.southLater)).toEqual([
      "cactus-01-device",
      "orchid-01-device",
      "roof-cam-device",
      "south-hall-wifi",
    ]);
    for (const [name, password] of needles) {
      if (/-device$|-mqtt$/.test(name)) expect(holders(password)).toEqual([name]);
    }
    expect(holders(needles.get("the root key")!)).toEqual([]);
  });

  it.skipIf(!hasMosquitto)("is not in the broker's log, of those who came in and who did not", () => {
    expect(brokerLog).toContain("fern-01");
    expect(hits("the broker's log", brokerLog)).toEqual([]);
  });

  it("goes with the fleet, and the destroy says nothing of it", async () => {
    watching = true;
    watcher = watchArguments();
    await project.mustPulumi("state", "unprotect", "--all", "--yes");
    const { exitCode, stdout, stderr } = await project.pulumi("destroy", "--yes", "--logtostderr", "-v=5");
    expect(exitCode).toBe(0);
    expect(hits("destroy", stdout + stderr)).toEqual([]);
    expect([...seenInArguments]).toEqual([]);
    expect(await search(project.folder, (path) => path !== join(project.folder, "board.flash"))).toEqual([]);
  });

  /** Which needles a text or a file has, in the clear or as base64. */
  function hits(where: string, content: string | Buffer): string[] {
    return [...needles].flatMap(([what, value]) => {
      const form = forms(value).find((each) => content.includes(each));
      return form === undefined ? [] : [`${where}: ${what} in …${before(content, form)}`];
    });
  }

  async function search(folder: string, take: (path: string) => boolean = () => true): Promise<string[]> {
    const files = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    const found: string[] = [];
    for (const file of files.filter((entry) => entry.isFile())) {
      const path = join(file.parentPath, file.name);
      if (take(path)) found.push(...hits(path, await readFile(path).catch(() => "")));
    }
    return found;
  }
});

/** stacks/demo with a broker that can be started here, and secrets whose values are known. */
async function demoFleet(
  namespace: string,
  broker: { port: number; ca: string },
  spec: object,
): Promise<Manifest[]> {
  const folder = join(CHECKOUT, "stacks", "demo");
  const files = (await readdir(folder)).filter((name) => name.endsWith(".yaml")).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  const manifests = texts.flatMap((text) =>
    parseAllDocuments(text).map((document) => document.toJS() as Manifest),
  );
  for (const manifest of manifests) {
    if (manifest.metadata.namespace) manifest.metadata.namespace = namespace;
    if (manifest.kind === "DevicesCluster") {
      Object.assign(manifest.spec, { namespace, secrets: { "portal.token": { fromConfig: "portal" } } });
      Object.assign(manifest.spec.mqtt, {
        broker: { kind: "mosquitto", host: "127.0.0.1", port: broker.port },
        ca: broker.ca,
        readers: [{ name: "recorder", secret: { name: "recorder-mqtt" } }],
        applications: [{ name: "home", secret: { name: "home-mqtt" } }],
      });
      Object.assign(manifest.spec, spec);
    }
    if (manifest.metadata.name === "north-hall")
      manifest.spec.secrets = { "wifi.password": { fromConfig: "north" } };
    if (manifest.metadata.name === "greenhouse-cam") {
      manifest.spec.secrets = { "camera.pin": { fromConfig: "pin" } };
      manifest.spec.firmware.secrets = ["camera.pin"];
    }
  }
  return manifests;
}

/** What stands before it, to find the place by. */
function before(content: string | Buffer, form: string): string {
  const at = content.indexOf(form);
  return content.slice(Math.max(0, at - 200), at).toString();
}

function holds(content: string | Buffer, value: string): boolean {
  return forms(value).some((form) => content.includes(form));
}

const formsOf = new Map<string, string[]>();

/** The value itself and its base64 at each of the three alignments, without the characters that its neighbours decide. */
function forms(value: string): string[] {
  const known = formsOf.get(value);
  if (known) return known;
  const shifted = [0, 1, 2].map((shift) => {
    const encoded = Buffer.from("x".repeat(shift) + value)
      .toString("base64")
      .replace(/=+$/, "");
    return encoded.slice(shift === 0 ? 0 : shift + 1, -2);
  });
  const all = [value, ...shifted];
  formsOf.set(value, all);
  return all;
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString();
}

async function argumentsOfAll(): Promise<string[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""));
  return Promise.all(lines);
}
