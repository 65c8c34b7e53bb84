import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  brokerDevices,
  brokerManifests,
  changed,
  type Login,
  OBSERVER,
  principals,
  TOPICS,
} from "../broker-fleet.ts";
import { accessMatrix } from "../broker-matrix.ts";
import { loopbackCertificate, type Tls } from "../mosquitto.ts";
import { findRabbitmq, Rabbitmq } from "../rabbitmq.ts";
import {
  cutOffAfter,
  type FleetAtBroker,
  lets as letsIn,
  losesOldSubscriptions,
  rotateWithoutLoss,
} from "../rotation.ts";
import { TestProject } from "../test-project.ts";

const there = (await findRabbitmq()) !== undefined;
if (!there) console.warn('No RabbitMQ here: install your system\'s package "rabbitmq-server".');

/** What g is once it was renewed: generations only go up. */
const RENEWED = { credentials: { generation: 2 } };
const ADMIN: Login = { username: "boss", password: randomBytes(9).toString("hex") };

interface User {
  name: string;
  password_hash: string;
  tags: string[];
}

describe.skipIf(!there)("access to a RabbitMQ", () => {
  let project: TestProject;
  let namespace: string;
  let broker: Rabbitmq;
  let tls: Tls;
  const known: Record<string, Login> = {};

  const mqtt = (spec: object) => ({
    broker: { kind: "rabbitmq", host: "127.0.0.1", ...spec },
    ca: tls.certificate,
  });
  const live = () => ({
    port: broker.mqttPort,
    management: { url: broker.url },
    admin: { username: ADMIN.username, password: { fromConfig: "brokerAdmin" } },
  });
  const manifests = (devices: object[], spec: object = live()) =>
    brokerManifests(namespace, mqtt(spec), devices);
  const text = async (name: string) => {
    const secret = (await project.secret(namespace, name)) ?? {};
    return Object.fromEntries(Object.entries(secret).map(([key, value]) => [key, value.toString()]));
  };
  const users = async () => (await broker.api<User[]>("GET", "/api/users")).map(({ name }) => name).sort();
  const lets = (credential: Login, name: string) => letsIn(broker, name, credential);
  const login = async (name: string): Promise<Login> => {
    const secret = await text(`${name}-device`);
    return { username: secret.MQTT_USERNAME!, password: secret.MQTT_PASSWORD! };
  };
  const atBroker = (devices = brokerDevices(RENEWED)): FleetAtBroker => ({
    project,
    namespace,
    broker,
    observer: { ...OBSERVER, clientId: OBSERVER.username },
    login,
    declare: (name, change) => project.manifests(manifests(changed(devices, name, change))),
    update: () => project.up(),
  });
  const queues = async () =>
    (await broker.api<{ name: string }[]>("GET", "/api/queues")).map(({ name }) => name);
  const OURS = ["a", "application_home", "b", "c", "g", "m", "reader_recorder"];

  beforeAll(async () => {
    project = await TestProject.create();
    namespace = project.id;
    tls = await loopbackCertificate();
    await project.mustPulumi("config", "set", "--secret", "brokerAdmin", ADMIN.password);
    await project.manifests(manifests(brokerDevices(), { mechanism: "definitions" }));
    await project.up();
    for (const name of ["a", "b", "c", "m", "g"]) {
      known[name] = await login(name);
    }
    const { "definitions.json": definitions } = await text(`${namespace}-broker-1`);
    broker = await Rabbitmq.start(join(project.folder, "broker"), tls, ADMIN, {
      "1.json": definitions!,
      "2.json": JSON.stringify({ users: [], permissions: [], topic_permissions: [] }),
    });
    await broker.api("PUT", `/api/users/${ADMIN.username}`, {
      password: ADMIN.password,
      tags: "administrator",
    });
    for (const { username, password } of [OBSERVER, { username: "theirs", password: "of others" }]) {
      await broker.api("PUT", `/api/users/${username}`, { password, tags: "" });
      const all = { configure: ".*", write: ".*", read: ".*" };
      await broker.api("PUT", `/api/permissions/%2F/${username}`, all);
    }
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await broker?.stop();
  });

  it("loads the users from the definitions in the Secret", async () => {
    expect(await users()).toEqual([...OURS, "boss", "observer", "theirs"].sort());
    expect(await lets(known.a!, "a")).toBe(true);
    expect(await lets({ ...known.a!, password: known.b!.password }, "a")).toBe(false);
  });

  it("can be changed over to the API, which finds everything as it should be, and ends no connection", async () => {
    const client = await broker.connect({ ...known.a!, clientId: "a" });
    await project.manifests(manifests(brokerDevices()));
    await project.up();
    expect(client.connected).toBe(true);
    await client.endAsync();
    expect(await project.secret(namespace, `${namespace}-broker-1`)).toBeUndefined();
    expect(await project.preview()).toEqual([]);
    await project.mustPulumi("refresh", "--yes", "--skip-preview");
    expect(await project.preview()).toEqual([]);
    expect(await project.state()).not.toContain(ADMIN.password);
  });

  it("lets each do what the model says of it, and nothing else; who is revoked is cut off", async () => {
    await project.manifests(manifests(brokerDevices().filter(({ metadata }) => metadata.name !== "c")));
    const stolen = await broker.connect({ ...known.c!, clientId: "c" });
    stolen.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => stolen.once("close", () => resolve()));
    await project.up();
    await closed;
    const [home, recorder] = [await text("home-credentials"), await text("recorder-mqtt")];
    const everybody = principals(
      known,
      { username: recorder.MQTT_USERNAME!, password: recorder.MQTT_PASSWORD! },
      { username: home.BROKER_USER!, password: home.BROKER_PASS! },
    );
    const { expected, observed } = await accessMatrix(broker, OBSERVER, everybody, TOPICS);
    expect(expected.length).toBeGreaterThan(500);
    expect(observed).toEqual(expected);
  });

  it("lets nobody have a session of another's, whose messages wait in it", async () => {
    for (const clientId of ["b", "b.x", "a-b", "reader_recorder", "mosq-1"]) {
      const client = await broker.connect({ ...known.a!, clientId }).catch(() => undefined);
      if (!client) continue;
      client.on("error", () => undefined);
      await expect(client.subscribeAsync("site/a/state", { qos: 1 }), clientId).rejects.toThrow();
    }
    const own = await broker.connect({ ...known.a!, clientId: "a.second" });
    await own.subscribeAsync("site/a/state", { qos: 1 });
    await own.endAsync();
  });

  it("lets a reader have sessions under its own name, as Telegraf's configuration has one", async () => {
    const reader = await text("recorder-mqtt");
    const session = { username: reader.MQTT_USERNAME!, password: reader.MQTT_PASSWORD! };
    const client = await broker.connect({ ...session, clientId: "reader_recorder.telegraf-x-0a1b2c3d" });
    const seen = new Promise((resolve) => client.once("message", resolve));
    await client.subscribeAsync("site/+/temperature", { qos: 1 });
    const device = await broker.connect({ ...known.a!, clientId: "a" });
    await device.publishAsync("site/a/temperature", "1", { qos: 1 });
    expect(await seen).toBe("site/a/temperature");
    await device.endAsync();
    await client.endAsync();
  });

  it("gives no retained message to a subscription with wildcards: what docs/brokers.md warns of", async () => {
    const application = await broker.connect({ ...OBSERVER, clientId: "observer.w" });
    await application.publishAsync("site/a/kept", "x", { qos: 1, retain: true });
    const seen: string[] = [];
    application.on("message", (topic, _payload, { retain }) => retain && seen.push(topic));
    await application.subscribeAsync("site/+/kept", { qos: 1 });
    await application.subscribeAsync("site/a/kept", { qos: 1 });
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen).toEqual(["site/a/kept"]);
    await application.publishAsync("site/a/kept", "", { qos: 1, retain: true });
    await application.endAsync();
  });

  it("sees at a refresh what somebody changed, and puts it right", async () => {
    const everything = { configure: ".*", write: ".*", read: ".*" };
    await broker.api("DELETE", "/api/users/b");
    await broker.api("PUT", "/api/permissions/%2F/m", everything);
    await broker.api("PUT", "/api/users/a", {
      password: "another",
      tags: (await broker.api<User>("GET", "/api/users/a")).tags,
    });
    await broker.api("PUT", "/api/vhosts/other", {});
    await broker.api("PUT", "/api/permissions/other/g", everything);
    await project.mustPulumi("refresh", "--yes", "--skip-preview");
    const [step] = await project.preview();
    expect(JSON.stringify(step!.oldState)).toMatch(/a changed, b removed, g changed, m changed/);
    await project.up();
    expect(await project.preview()).toEqual([]);
    expect([await lets(known.a!, "a"), await lets(known.b!, "b")]).toEqual([true, true]);
    const permissions = await broker.api<{ vhost: string }[]>("GET", "/api/users/g/permissions");
    expect(permissions.map(({ vhost }) => vhost)).toEqual(["/"]);
    await broker.api("DELETE", "/api/vhosts/other");
  });

  it("renews credentials without losing a message that was acknowledged, the old ones taken until the board is flashed", async () => {
    const withoutC = brokerDevices().filter(({ metadata }) => metadata.name !== "c");
    await rotateWithoutLoss(atBroker(withoutC), "g");
  });

  it("cuts off within a second who is revoked, and keeps nothing that waits for it", async () => {
    const session = await broker.connect({ ...(await login("b")), clientId: "b", clean: false });
    await session.subscribeAsync("site/b/#", { qos: 1 });
    await session.endAsync();
    expect(await queues()).toContain("mqtt-subscription-bqos1");
    const isThere = async () => (await users()).includes("b");
    expect(await cutOffAfter(atBroker(), "b", isThere)).toBeLessThan(1000);
    expect(await queues()).not.toContain("mqtt-subscription-bqos1");
    await project.manifests(manifests(brokerDevices(RENEWED)));
    await project.up();
    expect((await login("b")).username).toBe("b.g2");
  });

  it("lets nothing more come by a subscription of before that the device may not have any longer", async () => {
    await losesOldSubscriptions(atBroker(), "b", { before: "south", after: "north" });
  });

  it("refuses a name that somebody else has there, and an administrator that RabbitMQ does not know", async () => {
    const device = { ...brokerDevices()[0]!, metadata: { name: "theirs", labels: {} } };
    await project.manifests(manifests([...brokerDevices(RENEWED), device]));
    const foreign = await project.pulumi("up", "--yes", "--skip-preview");
    expect(foreign.stdout + foreign.stderr).toMatch(/under names of this fleet that it did not make: theirs/);
    await project.manifests(manifests(brokerDevices(RENEWED)));
    await project.mustPulumi("config", "set", "--secret", "brokerAdmin", "wrong-administrator");
    const refused = await project.pulumi("up", "--yes", "--skip-preview");
    expect(refused.stdout + refused.stderr).toMatch(/does not know the administrator "boss"/);
    expect(refused.stdout + refused.stderr).not.toMatch(/wrong-administrator|at .*\.ts:\d+/);
    await project.mustPulumi("config", "set", "--secret", "brokerAdmin", ADMIN.password);
    await project.up();
  });

  it("cuts off whose rights a run changed that was killed before it ended their connections", async () => {
    // What such a run leaves: the broker has the new rights, and the state does not know of it.
    const before = join(project.folder, "before.json");
    await project.mustPulumi("stack", "export", "--file", before);
    await project.manifests(manifests(changed(brokerDevices(RENEWED), "b", { hall: "north" })));
    await project.up();
    await project.mustPulumi("stack", "import", "--file", before);
    const client = await broker.connect({ ...(await login("b")), clientId: "b" });
    client.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    const other = await broker.connect({ ...(await login("a")), clientId: "a" });
    await project.up();
    await closed;
    expect(other.connected).toBe(true);
    await other.endAsync();
    await project.manifests(manifests(brokerDevices(RENEWED)));
    await project.up();
  });

  it("takes no password that a device had, once it is let in by its certificate alone", async () => {
    const secured = (auth: string) =>
      brokerManifests(namespace, { ...mqtt(live()), auth }, brokerDevices(RENEWED));
    const before = await login("a");
    const client = await broker.connect({ ...before, clientId: "a" });
    client.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    await project.manifests(secured("both"));
    await project.up();
    expect(await lets(before, "a")).toBe(true);
    await project.manifests(secured("certificate"));
    await project.up();
    await closed;
    expect(await lets(before, "a")).toBe(false);
    await project.manifests(secured("both"));
    await project.up();
    await project.manifests(manifests(brokerDevices(RENEWED)));
    await project.up();
  });

  it("makes a virtual host that is not there, moves to it, and takes it away when it leaves", async () => {
    const vhosts = async () =>
      (await broker.api<{ name: string }[]>("GET", "/api/vhosts")).map(({ name }) => name).sort();
    await project.manifests(manifests(brokerDevices(RENEWED), { ...live(), vhost: "site/one" }));
    await project.up();
    expect(await vhosts()).toEqual(["/", "site/one"]);
    const permissions = await broker.api<{ vhost: string }[]>("GET", "/api/users/a/permissions");
    expect(permissions.map(({ vhost }) => vhost)).toEqual(["site/one"]);
    const external = { broker: { kind: "external", host: "mqtt.example" }, readers: [], applications: [] };
    await project.manifests(brokerManifests(namespace, external, brokerDevices(RENEWED)));
    await project.up();
    expect(await users()).toEqual(["boss", "observer", "theirs"]);
    expect(await vhosts()).toEqual(["/"]);
  });
});
