import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { passwordLine } from "../../builders/mosquitto/password-file.ts";
import type { KubernetesError, KubernetesObject } from "../../kubernetes/api.ts";
import { brokerDevices, brokerManifests, OBSERVER, principals, TOPICS } from "./broker-fleet.ts";
import { accessMatrix } from "./broker-matrix.ts";
import { device } from "./manifests.ts";
import {
  type BrokerFiles,
  findMosquitto,
  freePort,
  loopbackCertificate,
  Mosquitto,
  type Tls,
} from "./mosquitto.ts";
import { TestProject } from "./test-project.ts";

const there = (await findMosquitto()) !== undefined;
if (!there) {
  console.warn('No Mosquitto here, so its tests are skipped: install your system\'s package "mosquitto".');
}

describe.skipIf(!there)("access to a Mosquitto with the fleet's own files", () => {
  let project: TestProject;
  let namespace: string;
  let broker: Mosquitto;
  let tls: Tls;
  let port: number;
  const known: Record<string, { username: string; password: string }> = {};

  const manifests = (devices: object[], mqtt: object = {}) =>
    brokerManifests(
      namespace,
      { broker: { kind: "mosquitto", host: "127.0.0.1", port }, ca: tls.certificate, ...mqtt },
      devices,
    );
  const all = brokerDevices;
  const text = async (name: string) => {
    const secret = (await project.secret(namespace, name)) ?? {};
    return Object.fromEntries(Object.entries(secret).map(([key, value]) => [key, value.toString()]));
  };
  const login = async (name: string) => {
    const secret = await text(`${name}-device`);
    return { username: secret.MQTT_USERNAME!, password: secret.MQTT_PASSWORD! };
  };

  /** As docs/brokers.md says how to get the files, and the test's own observer besides. */
  async function files(): Promise<BrokerFiles> {
    const part = async (key: string) => {
      const template = `go-template={{range .items}}{{index .data "${key}" | base64decode}}{{end}}`;
      const { stdout } = await project.kubectl(
        "-n",
        namespace,
        "get",
        "secrets",
        "-l",
        `edgeflock.io/broker=${namespace}`,
        "-o",
        template,
      );
      return `${stdout}\n`;
    };
    const observer = await passwordLine(OBSERVER.username, OBSERVER.password, Buffer.alloc(12, 7));
    return {
      passwordfile: (await part("passwordfile")) + observer,
      aclfile: `${await part("aclfile")}user observer\ntopic readwrite #\ntopic readwrite $SYS/#\n`,
    };
  }

  beforeAll(async () => {
    project = await TestProject.create();
    namespace = project.id;
    [tls, port] = await Promise.all([loopbackCertificate(), freePort()]);
    await project.manifests(manifests(all()));
    await project.up();
    for (const name of ["a", "b", "c", "m", "g"]) known[name] = await login(name);
    broker = await Mosquitto.start(join(project.folder, "broker"), port, tls, await files());
  });
  afterAll(async () => {
    await broker?.stop();
    await project?.[Symbol.asyncDispose]();
  });

  it("writes the files with every user into labelled Secrets, and no password of theirs into the state", async () => {
    const { passwordfile, aclfile } = await files();
    const users = passwordfile
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(":")[0]);
    expect(users.sort()).toEqual([
      "a",
      "application_home",
      "b",
      "c",
      "g",
      "m",
      "observer",
      "reader_recorder",
    ]);
    expect(aclfile.match(/^user .*/gm)).toHaveLength(users.length);
    const into = join(project.folder, "synced");
    await mkdir(into);
    const args = ["--namespace", namespace, "--kubeconfig", project.kubeconfig, "--into", into, "--json"];
    const synced = async () => JSON.parse((await project.edgeflock("broker", "sync", ...args)).stdout);
    expect(await synced()).toEqual({ users: users.length - 1, changed: true });
    expect(await synced()).toEqual({ users: users.length - 1, changed: false });
    expect(passwordfile).toContain((await readFile(join(into, "passwordfile"), "utf8")).trimEnd());
    expect(aclfile).toContain((await readFile(join(into, "aclfile"), "utf8")).trimEnd());
    const state = await project.state();
    for (const line of passwordfile.split("\n").filter((each) => each.startsWith("a:"))) {
      expect(state).not.toContain(line.split("$").at(-1));
    }
    expect((await project.output<Record<string, unknown>>("clusters"))[namespace]).toBeDefined();
  });

  it("does not change when nothing changed, and not when the files are made anew", async () => {
    expect(await project.preview()).toEqual([]);
    const before = await files();
    await project.kubectl("-n", namespace, "delete", "secret", `${namespace}-broker-1`);
    await project.mustPulumi("refresh", "--yes", "--skip-preview");
    const steps = await project.preview();
    expect(steps.map(({ op, urn }) => `${op} ${urn.split("::")[2]!.split("$").at(-1)}`)).toEqual([
      "update pulumi-nodejs:dynamic/edgeflock:Broker",
    ]);
    await project.up();
    expect(await files()).toEqual(before);
  });

  it("injects an application's credentials under the keys of its choosing, and a reader's under the usual ones", async () => {
    const url = `mqtts://127.0.0.1:${port}`;
    expect(await text("home-credentials")).toEqual({
      BROKER_URL: url,
      BROKER_USER: "application_home",
      BROKER_PASS: expect.stringMatching(/^\w{43}$/),
      TOPIC_ROOT: "site",
    });
    expect(await text("recorder-mqtt")).toMatchObject({ MQTT_URL: url, MQTT_USERNAME: "reader_recorder" });
  });

  it("lets each do what the model says of it, and nothing else: publish, retain, will, subscribe, wildcards", async () => {
    const home = await text("home-credentials");
    const recorder = await text("recorder-mqtt");
    await project.manifests(manifests(all().filter(({ metadata }) => metadata.name !== "c")));
    const stolen = await broker.connect(known.c!);
    const closed = new Promise<void>((resolve) => stolen.once("close", () => resolve()));
    stolen.on("error", () => undefined);
    await project.up();
    await broker.reload(await files());
    await closed;
    const everybody = principals(
      known,
      { username: recorder.MQTT_USERNAME!, password: recorder.MQTT_PASSWORD! },
      { username: home.BROKER_USER!, password: home.BROKER_PASS! },
    );
    const { expected, observed } = await accessMatrix(broker, OBSERVER, everybody, TOPICS);
    expect(expected.length).toBeGreaterThan(500);
    expect(observed).toEqual(expected);
  });

  it("keeps everybody from the broker's own topics", async () => {
    const versions: string[] = [];
    for (const login of [known.a!, known.m!, OBSERVER]) {
      const client = await broker.connect(login);
      client.on("message", (topic) => versions.push(`${login.username} ${topic}`));
      await client.subscribeAsync("$SYS/broker/version");
      await client.unsubscribeAsync("nothing");
      await client.endAsync();
    }
    expect(versions).toEqual(["observer $SYS/broker/version"]);
  });

  it("takes the credentials of a new generation and of the one before, until the manifest says otherwise", async () => {
    const others = all().filter(({ metadata }) => !["c", "g"].includes(metadata.name));
    const lets = async (credential: { username: string; password: string }) => {
      const client = await broker.connect(credential).catch(() => undefined);
      if (!client) return false;
      await client.publishAsync("site/g/state", "x", { qos: 1 });
      await client.endAsync();
      return true;
    };
    await project.manifests(manifests([...others, device("g", "north", { credentials: { generation: 2 } })]));
    await project.up();
    await broker.reload(await files());
    const renewed = await login("g");
    expect(renewed.username).toBe("g.g2");
    expect([await lets(known.g!), await lets(renewed)]).toEqual([true, true]);
    const credentials = { generation: 2, keepPrevious: false };
    await project.manifests(manifests([...others, device("g", "north", { credentials })]));
    await project.up();
    await broker.reload(await files());
    expect([await lets(known.g!), await lets(renewed)]).toEqual([false, true]);
  });

  it("puts credentials beside an application's own keys, refuses to take one over, and takes its own out again", async () => {
    const address = { apiVersion: "v1", kind: "Secret", metadata: { namespace, name: "theirs" } };
    const data = { own: Buffer.from("kept").toString("base64"), taken: "" };
    await project.api.create({ ...address, data } as KubernetesObject, { fieldManager: "their-operator" });
    const reader = (keys: object) => ({ readers: [{ name: "other", secret: { name: "theirs", keys } }] });
    const others = all().filter(({ metadata }) => ["a", "b"].includes(metadata.name));
    await project.manifests(manifests(others, reader({ password: "taken" })));
    const refused = await project.pulumi("up", "--yes", "--skip-preview");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(
      /theirs has these keys already, from somebody else: taken[\s\S]*Map the credentials to other keys/,
    );
    await project.manifests(manifests(others, reader({ password: "mqtt.password" })));
    await project.up();
    expect(Object.keys(await text("theirs")).sort()).toEqual(["mqtt.password", "own", "taken"]);
    expect(await project.secret(namespace, "recorder-mqtt")).toBeUndefined();
    await project.manifests(manifests(others, { readers: [], applications: [] }));
    await project.up();
    expect(await text("theirs")).toEqual({ own: "kept", taken: "" });
    expect(await project.secret(namespace, "home-credentials")).toBeUndefined();
    expect(await project.preview()).toEqual([]);
  });

  it("takes the Secrets away where the broker becomes somebody else's", async () => {
    const broker = { kind: "external", host: "mqtt.example" };
    await project.manifests(manifests([device("a", "north")], { broker, readers: [], applications: [] }));
    await project.up();
    const left = await project.api
      .listMetadata({ apiVersion: "v1", kind: "Secret", namespace }, { labelSelector: "edgeflock.io/broker" })
      .catch((error: KubernetesError) => error);
    expect(left).toEqual([]);
  });
});
