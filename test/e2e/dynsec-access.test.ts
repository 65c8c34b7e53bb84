import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { passwordLine } from "../../builders/mosquitto/password-file.ts";
import {
  brokerDevices,
  brokerManifests,
  changed,
  type Login,
  OBSERVER,
  principals,
  TOPICS,
} from "./broker-fleet.ts";
import { accessMatrix, expectedCells, observedCells } from "./broker-matrix.ts";
import {
  findDynsecPlugin,
  findMosquitto,
  freePort,
  loopbackCertificate,
  Mosquitto,
  type Tls,
} from "./mosquitto.ts";
import {
  cutOffAfter,
  type FleetAtBroker,
  lets as letsIn,
  losesOldSubscriptions,
  rotateWithoutLoss,
} from "./rotation.ts";
import { TestProject } from "./test-project.ts";

const there = (await findMosquitto()) !== undefined && (await findDynsecPlugin()) !== undefined;
if (!there) {
  console.warn(
    'No Mosquitto with its dynamic security plugin here: install your system\'s package "mosquitto".',
  );
}

/** What g is once it was renewed twice: generations only go up. */
const RENEWED = { credentials: { generation: 3 } };
const ADMIN: Login = { username: "boss", password: randomBytes(9).toString("hex") };

/** What the plugin begins with: an administrator as `mosquitto_ctrl dynsec init` makes one, and others' users. */
async function beginning(access: boolean): Promise<object> {
  const client = async ({ username, password }: Login, role: string) => {
    const line = await passwordLine(username, password, randomBytes(12));
    const [, , iterations, salt, hash] = line.trim().split("$");
    const roles = [{ rolename: role }];
    return { username, password: hash, salt, iterations: Number(iterations), roles };
  };
  const everything = (topic: string) =>
    ["publishClientSend", "publishClientReceive", "subscribePattern"].map((acltype) => ({
      acltype,
      topic,
      allow: true,
    }));
  return {
    clients: [
      await client(ADMIN, "admin"),
      await client(OBSERVER, "everything"),
      await client({ username: "theirs", password: "of others" }, "nothing"),
    ],
    roles: [
      { rolename: "admin", acls: everything("$CONTROL/dynamic-security/#") },
      { rolename: "everything", acls: [...everything("#"), ...everything("$SYS/#")] },
      { rolename: "nothing", acls: [] },
    ],
    defaultACLAccess: {
      publishClientSend: access,
      publishClientReceive: true,
      subscribe: access,
      unsubscribe: true,
    },
  };
}

describe.skipIf(!there)("access to a Mosquitto that takes its users live", () => {
  let project: TestProject;
  let namespace: string;
  let broker: Mosquitto;
  let tls: Tls;
  let port: number;
  const known: Record<string, Login> = {};

  const live = (spec: object = {}) => ({
    broker: {
      kind: "mosquitto",
      mechanism: "dynsec",
      host: "127.0.0.1",
      port,
      admin: { username: ADMIN.username, password: { fromConfig: "brokerAdmin" } },
      ...spec,
    },
    ca: tls.certificate,
  });
  const manifests = (devices: object[], mqtt: object = {}) =>
    brokerManifests(namespace, { ...live(), ...mqtt }, devices);
  const text = async (name: string) => {
    const secret = (await project.secret(namespace, name)) ?? {};
    return Object.fromEntries(Object.entries(secret).map(([key, value]) => [key, value.toString()]));
  };
  const login = async (name: string): Promise<Login> => {
    const secret = await text(`${name}-device`);
    return { username: secret.MQTT_USERNAME!, password: secret.MQTT_PASSWORD! };
  };
  const lets = (credential: Login) => letsIn(broker, "any", credential);
  /** The fleet without what was changed in the test before. */
  const atBroker = (devices = brokerDevices()): FleetAtBroker => ({
    project,
    namespace,
    broker,
    observer: { ...OBSERVER, clientId: OBSERVER.username },
    login,
    declare: (name, change) => project.manifests(manifests(changed(devices, name, change))),
    update: () => project.up(),
  });
  /** Commands that the broker was given since. */
  const commandsSince = (log: number) => broker.log.slice(log).match(/dynsec: .*/g) ?? [];
  const command = async (...commands: object[]) => {
    const client = await broker.connect(ADMIN);
    const answer = new Promise<{ responses: { error?: string; data?: Record<string, unknown> }[] }>(
      (resolve) => client.once("message", (_topic, payload) => resolve(JSON.parse(payload.toString()))),
    );
    await client.subscribeAsync("$CONTROL/dynamic-security/v1/response", { qos: 1 });
    await client.publishAsync("$CONTROL/dynamic-security/v1", JSON.stringify({ commands }), { qos: 1 });
    const { responses } = await answer;
    await client.endAsync();
    return responses;
  };
  const names = async (what: "clients" | "roles") => {
    const [{ data }] = (await command({ command: what === "clients" ? "listClients" : "listRoles" })) as [
      { data: Record<string, string[]> },
    ];
    return data[what]!.sort();
  };

  beforeAll(async () => {
    project = await TestProject.create();
    namespace = project.id;
    [tls, port] = await Promise.all([loopbackCertificate(), freePort()]);
    const folder = join(project.folder, "broker");
    broker = await Mosquitto.startDynsec(folder, port, tls, await beginning(false));
    await project.mustPulumi("config", "set", "--secret", "brokerAdmin", ADMIN.password);
    await project.manifests(manifests(brokerDevices()));
    await project.up();
    for (const name of ["a", "b", "c", "m", "g"]) known[name] = await login(name);
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await broker?.stop();
  });

  it("makes users and roles beside those of others, and no Secret with lines of them", async () => {
    const ours = ["a", "application_home", "b", "c", "g", "m", "reader_recorder"];
    expect(await names("clients")).toEqual([...ours, ADMIN.username, "observer", "theirs"].sort());
    expect((await names("roles")).filter((name) => !name.startsWith("edgeflock/"))).toEqual([
      "admin",
      "everything",
      "nothing",
    ]);
    const labelled = await project.api.listMetadata(
      { apiVersion: "v1", kind: "Secret", namespace },
      { labelSelector: "edgeflock.io/broker" },
    );
    expect(labelled).toEqual([]);
    expect(await project.state()).not.toContain(ADMIN.password);
  });

  it("sends nothing when nothing changed: nobody's connection ends", async () => {
    const client = await broker.connect(known.a!);
    let closed = false;
    client.on("close", () => {
      closed = true;
    });
    expect(await project.preview()).toEqual([]);
    await project.mustPulumi("refresh", "--yes", "--skip-preview");
    expect(await project.preview()).toEqual([]);
    const before = broker.log.length;
    // Another member: the others are looked at, and left alone.
    await project.manifests(manifests(brokerDevices(), { readers: [] }));
    await project.up();
    await project.manifests(manifests(brokerDevices()));
    await project.up();
    const changed = commandsSince(before).filter((line) =>
      /createClient|modifyClient|deleteClient/.test(line),
    );
    expect(changed.every((line) => line.includes("reader_recorder"))).toBe(true);
    expect(closed).toBe(false);
    await client.endAsync();
  });

  it("lets each do what the model says of it, and nothing else; who is revoked is cut off at once", async () => {
    await project.manifests(manifests(brokerDevices().filter(({ metadata }) => metadata.name !== "c")));
    const stolen: MqttClient = await broker.connect(known.c!);
    const closed = new Promise<void>((resolve) => stolen.once("close", () => resolve()));
    stolen.on("error", () => undefined);
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

  it("keeps everybody to these rights where the broker's own default allows everything", async () => {
    const access = ["publishClientSend", "subscribe"].map((acltype) => ({ acltype, allow: true }));
    await command({ command: "setDefaultACLAccess", acls: access });
    const [principal] = principals(known, OBSERVER, OBSERVER);
    const expected = expectedCells(broker, principal!, TOPICS);
    expect(await observedCells(broker, OBSERVER, principal!, TOPICS)).toEqual(expected);
    const client = await broker.connect(known.a!);
    for (const filter of ["$SYS/#", "$share/x/site/#", "$share/x/#", "$CONTROL/#"]) {
      await expect(client.subscribeAsync(filter), filter).rejects.toThrow(/not authorized/i);
    }
    await client.endAsync();
    const denied = access.map((each) => ({ ...each, allow: false }));
    await command({ command: "setDefaultACLAccess", acls: denied });
  });

  it("sees at a refresh what somebody changed, and puts it right", async () => {
    await command(
      { command: "deleteClient", username: "b" },
      { command: "addClientRole", username: "m", rolename: "everything" },
      { command: "disableClient", username: "a" },
    );
    await project.mustPulumi("refresh", "--yes", "--skip-preview");
    const [step] = await project.preview();
    expect(JSON.stringify(step!.oldState)).toMatch(/a changed, b removed, m changed/);
    await project.up();
    expect(await project.preview()).toEqual([]);
    expect([await lets(known.a!), await lets(known.b!)]).toEqual([true, true]);
    const client = await broker.connect(known.m!);
    await expect(client.subscribeAsync("site/a/state")).rejects.toThrow();
    await client.endAsync();
  });

  const withoutC = brokerDevices().filter(({ metadata }) => metadata.name !== "c");

  it("renews credentials without losing a message that was acknowledged, the old ones taken until the board is flashed", async () => {
    await rotateWithoutLoss(atBroker(withoutC), "g");
  });

  it("ends old credentials at once where the manifest says so", async () => {
    const before = await login("g");
    const { declare, update } = atBroker(withoutC);
    await declare("g", { spec: RENEWED });
    await update();
    const renewed = await login("g");
    expect([await lets(before), await lets(renewed)]).toEqual([true, true]);
    await declare("g", { spec: { credentials: { ...RENEWED.credentials, keepPrevious: false } } });
    await update();
    expect([await lets(before), await lets(renewed)]).toEqual([false, true]);
  });

  it("cuts off within a second who is revoked", async () => {
    const others = brokerDevices(RENEWED).filter(({ metadata }) => metadata.name !== "c");
    const before = broker.log.length;
    const isThere = async () => !/deleteClient \| username=b\b/.test(broker.log.slice(before));
    expect(await cutOffAfter(atBroker(others), "b", isThere)).toBeLessThan(1000);
    await project.manifests(manifests(brokerDevices(RENEWED)));
    await project.up();
    expect((await login("b")).username).toBe("b.g2");
  });

  it("lets nothing more come by a subscription of before that the device may not have any longer", async () => {
    await losesOldSubscriptions(atBroker(brokerDevices(RENEWED)), "b", { before: "south", after: "north" });
  });

  it("refuses a name that somebody else has there, and an administrator that the broker does not know", async () => {
    const device = { ...brokerDevices()[0]!, metadata: { name: "theirs", labels: {} } };
    await project.manifests(manifests([...brokerDevices(RENEWED), device]));
    const foreign = await project.pulumi("up", "--yes", "--skip-preview");
    expect(foreign.stdout + foreign.stderr).toMatch(
      /users under names of this fleet that it did not make: theirs/,
    );
    expect(await lets({ username: "theirs", password: "of others" })).toBe(true);
    await project.manifests(manifests(brokerDevices(RENEWED)));
    await project.mustPulumi("config", "set", "--secret", "brokerAdmin", "wrong-administrator");
    const refused = await project.pulumi("up", "--yes", "--skip-preview");
    expect(refused.stdout + refused.stderr).toMatch(
      /refuses the administrator "boss"[\s\S]*mqtt\.broker\.admin/,
    );
    expect(refused.stdout + refused.stderr).not.toMatch(/wrong-administrator|at .*\.ts:\d+/);
    await project.mustPulumi("config", "set", "--secret", "brokerAdmin", ADMIN.password);
    await project.up();
  });

  it("takes its own users and roles away, and leaves those of others", async () => {
    const external = { broker: { kind: "external", host: "mqtt.example" }, readers: [], applications: [] };
    await project.manifests(brokerManifests(namespace, external, brokerDevices(RENEWED)));
    await project.up();
    expect(await names("clients")).toEqual([ADMIN.username, "observer", "theirs"]);
    expect(await names("roles")).toEqual(["admin", "everything", "nothing"]);
  });
});
