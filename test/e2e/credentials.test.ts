import { X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { IClientOptions } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { passwordLine } from "../../builders/mosquitto/password-file.ts";
import type { KubernetesObject } from "../../kubernetes/api.ts";
import { addDays, dayOf } from "../../model/days.ts";
import { deviceRights } from "../../model/mqtt-access.ts";
import { expectedCells, observedCells, type Principal } from "./broker-matrix.ts";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import {
  type BrokerFiles,
  findMosquitto,
  freePort,
  loopbackCertificate,
  Mosquitto,
  type Tls,
} from "./mosquitto.ts";
import { type FleetAtBroker, lets as letsIn, losesOldSubscriptions, rotateWithoutLoss } from "./rotation.ts";
import { CHECKOUT, TestProject } from "./test-project.ts";

const LEDGER = "edgeflock-credentials";
const TOPICS = ["site/a/state", "site/c/state", "site/c/command/led", "site/x/state", "site/y/state", "site"];
const TODAY = dayOf(new Date());

const there = (await findMosquitto()) !== undefined;
if (!there) {
  console.warn('No Mosquitto here, so its tests are skipped: install your system\'s package "mosquitto".');
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(!there)("the life of a device's credentials at a real Mosquitto", () => {
  let project: TestProject;
  /** Of the fleet whose devices have passwords, and of the one whose devices have certificates. */
  let namespace: string;
  let certified: string;
  let brokers: { password: Mosquitto; certificate: Mosquitto };
  let observers: { password: IClientOptions; certificate: IClientOptions };
  let tls: Tls;
  let ports: number[];
  const passworded: Record<string, object> = { a: {}, b: {}, c: {}, d: {} };
  const withCertificates: Record<string, object> = { x: {}, y: {}, observer: {} };
  const halls: Record<string, string> = {};
  const known: Record<string, IClientOptions> = {};

  const declare = (mqtt: object = {}) => {
    const fleet = (place: string, port: number, more: object, devices: Record<string, object>) => [
      cluster(place, {
        mqtt: {
          broker: { kind: "mosquitto", host: "127.0.0.1", port },
          topicRoot: "site",
          ca: tls.certificate,
          ...more,
        },
      }),
      ...[
        deviceClass("node"),
        group("north", "north"),
        group("south", "south"),
        ...Object.entries(devices).map(([name, spec]) => device(name, halls[name] ?? "north", spec)),
      ].map((manifest) => ({ ...manifest, metadata: { ...manifest.metadata, namespace: place } })),
    ];
    return project.manifests([
      ...fleet(namespace, ports[0]!, mqtt, passworded),
      ...fleet(certified, ports[1]!, { auth: "certificate" }, withCertificates),
    ]);
  };
  const text = async (name: string, place = namespace) => {
    const secret = (await project.secret(place, `${name}-device`)) ?? {};
    return Object.fromEntries(Object.entries(secret).map(([key, value]) => [key, value.toString()]));
  };
  const login = async (name: string) => {
    const { MQTT_USERNAME, MQTT_PASSWORD } = await text(name);
    return { username: MQTT_USERNAME!, password: MQTT_PASSWORD! };
  };
  const certificate = async (name: string) => {
    const secret = await text(name, certified);
    return { cert: secret["tls.crt"]!, key: secret["tls.key"]! };
  };
  const files = async (place: string): Promise<BrokerFiles> => {
    const folder = join(project.folder, "synced", place);
    await mkdir(folder, { recursive: true });
    const { kubeconfig } = project;
    const sync = ["broker", "sync", "--namespace", place, "--into", folder, "--kubeconfig", kubeconfig];
    const { exitCode, stderr } = await project.edgeflock(...sync);
    expect(exitCode, stderr).toBe(0);
    const part = (name: string) => readFile(join(folder, name), "utf8");
    const { password } = observers.password as { password: string };
    const observer = place === namespace ? await passwordLine("watcher", password, Buffer.alloc(12, 7)) : "";
    const watcher = place === namespace ? "watcher" : "observer";
    return {
      passwordfile: (await part("passwordfile")) + observer,
      // The last word on a user counts: the observer may do everything.
      aclfile: `${await part("aclfile")}user ${watcher}\ntopic readwrite #\n`,
      ...(place === certified && {
        certificates: { authority: await part("ca.crt"), revoked: await part("crl.pem") },
      }),
    };
  };
  const reload = async () => {
    await brokers.password.reload(await files(namespace));
    await brokers.certificate.reload(await files(certified));
  };
  const lets = (broker: Mosquitto, credential: IClientOptions) => letsIn(broker, "any", credential);
  const passwordFleet = (): FleetAtBroker => ({
    project,
    namespace,
    broker: brokers.password,
    observer: { ...observers.password, clientId: "observer" },
    login,
    declare(name, change) {
      if (change?.spec) passworded[name] = change.spec;
      if (change?.hall) halls[name] = change.hall;
      if (!change) delete passworded[name];
      return declare();
    },
    async update() {
      const changes = await project.up();
      await reload();
      return changes;
    },
  });
  const configMap = async (name: string, place = namespace) => {
    const address = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: place, name } };
    return (await project.api.getOrUndefined<KubernetesObject>(address))!.data as Record<string, string>;
  };
  const retired = async (place = namespace) =>
    JSON.parse((await configMap(LEDGER, place)).retired!) as Record<string, number>;
  beforeAll(async () => {
    project = await TestProject.create();
    namespace = project.id;
    certified = `${project.id}-x`;
    [tls, ...ports] = await Promise.all([loopbackCertificate(), freePort(), freePort()]);
    await declare();
    await project.up();
    observers = {
      password: { username: "watcher", password: "of the test alone" },
      certificate: await certificate("observer"),
    };
    for (const name of ["a", "c", "d"]) known[name] = await login(name);
    for (const name of ["x", "y"]) known[name] = await certificate(name);
    const start = async (place: string, port: number) =>
      Mosquitto.start(join(project.folder, place), port, tls, await files(place));
    brokers = {
      password: await start(namespace, ports[0]!),
      certificate: await start(certified, ports[1]!),
    };
  });
  afterAll(async () => {
    await brokers?.password.stop();
    await brokers?.certificate.stop();
    await project?.[Symbol.asyncDispose]();
  });

  it("are remembered; a device has a password or a certificate, in its Secret and its image, as its fleet says", async () => {
    const { devices } = await configMap(LEDGER);
    expect(JSON.parse(devices!)).toEqual({
      [`generation 1 of ${TODAY}, declared 1`]: ["a", "b", "c", "d"],
    });
    expect(await retired()).toEqual({});
    const { MQTT_PASSWORD, "tls.crt": none } = await text("a");
    expect([MQTT_PASSWORD, none]).toEqual([expect.stringMatching(/^\w{43}$/), undefined]);
    const x = await text("x", certified);
    expect(x.MQTT_PASSWORD).toBeUndefined();
    const issued = new X509Certificate(x["tls.crt"]!);
    const authority = new X509Certificate(
      (await configMap("edgeflock-mqtt-authority", certified))["ca.crt"]!,
    );
    expect(issued.subject).toBe("CN=x");
    expect(issued.verify(authority.publicKey)).toBe(true);
    expect(dayOf(issued.validToDate)).toBe(addDays(TODAY, 1095));
    const csv = x["config.csv"]!;
    expect(csv).toContain(x["tls.crt"]!.split("\n")[1]);
    expect(csv).toContain(x["tls.key"]!.split("\n")[1]);
    expect((await files(certified)).passwordfile).toBe("");
    expect(await project.state()).not.toContain(x["tls.key"]!.split("\n")[1]);
  });

  it("are renewed without losing a message that was acknowledged, the old ones taken until the board is flashed", async () => {
    await rotateWithoutLoss(passwordFleet(), "a");
    expect((await login("a")).username).toBe("a.g2");
  });

  it("let nothing more come by a subscription of before that the device may not have any longer", async () => {
    await losesOldSubscriptions(passwordFleet(), "b", { before: "north", after: "south" });
  });

  it("end within a second where the device is deleted or disabled", async () => {
    const clients = await Promise.all([known.c, known.d].map((each) => brokers.password.connect(each!)));
    const cutOff = clients.map((client) => {
      client.on("error", () => undefined);
      return new Promise<number>((resolve) => client.once("close", () => resolve(Date.now())));
    });
    delete passworded.c;
    passworded.d = { disabled: true };
    delete withCertificates.y;
    await declare();
    await project.up();
    const secrets = await Promise.all([text("c"), text("d"), text("y", certified)]);
    expect(secrets).toEqual([{}, {}, {}]);
    const data = await files(namespace);
    const start = Date.now();
    await brokers.password.reload(data);
    for (const at of await Promise.all(cutOff)) expect(at - start).toBeLessThan(1000);
    expect(await retired()).toEqual({ c: 1, d: 1 });
  });

  it("end within a second for a certificate too: what it says passes no more, and it does not get in again", async () => {
    const broker = brokers.certificate;
    const heard: string[] = [];
    const observer = await broker.connect(observers.certificate);
    observer.on("message", (topic) => void heard.push(topic));
    await observer.subscribeAsync("#", { qos: 1 });
    const client = await broker.connect(known.y!);
    client.on("error", () => undefined);
    await client.publishAsync("site/y/state", "before", { qos: 1 });
    await broker.reload(await files(certified));
    const start = Date.now();
    await client.publishAsync("site/y/state", "after", { qos: 1 }).catch(() => undefined);
    await observer.unsubscribeAsync("nothing");
    expect(Date.now() - start).toBeLessThan(1000);
    expect(heard).toEqual(["site/y/state"]);
    await client.endAsync(true);
    await observer.endAsync();
    expect([await lets(broker, known.y!), await lets(broker, known.x!)]).toEqual([false, true]);
    expect(await lets(broker, {})).toBe(false);
  });

  it("are new ones where a revoked name is declared or enabled again, and the preview says so", async () => {
    Object.assign(passworded, { c: {}, d: {} });
    withCertificates.y = {};
    await declare();
    const shown = (await project.preview()).map(({ newState }) => newState?.inputs?.credentials);
    expect(shown.filter(Boolean).sort()).toEqual(
      ["c", "d", "y"].map((name) => `${name}: generation 2 of ${TODAY}, declared 1`),
    );
    await project.up();
    await reload();
    const now = { c: await login("c"), d: await login("d"), y: await certificate("y") };
    expect([now.c.username, now.d.username]).toEqual(["c.g2", "d.g2"]);
    expect([await lets(brokers.password, known.c!), await lets(brokers.password, now.c)]).toEqual([
      false,
      true,
    ]);
    expect([await lets(brokers.certificate, known.y!), await lets(brokers.certificate, now.y)]).toEqual([
      false,
      true,
    ]);
    Object.assign(known, { "c again": now.c, "d again": now.d, "y again": now.y, "a.g2": await login("a") });
  });

  it("give the rights that the model says, to each generation and each kind, and none to what is revoked", async () => {
    const rights = (original: string) =>
      deviceRights("site", {
        original,
        className: "node",
        groups: ["north"],
        commands: true,
        broadcasts: true,
      });
    const principal = (name: string, credential: IClientOptions, may: Principal["rights"]) =>
      ({ name, login: credential as Principal["login"], rights: may }) satisfies Principal;
    const byPassword = [
      principal("a, generation 2", known["a.g2"]!, rights("a")),
      principal("a, generation 1", known.a!, []),
      principal("c, declared again", known["c again"]!, rights("c")),
      principal("c, revoked", known.c!, []),
    ];
    const byCertificate = [
      principal("x", known.x!, rights("x")),
      principal("y, issued again", known["y again"]!, rights("y")),
      principal("y, revoked", known.y!, []),
      principal("x with a username of its choice", { ...known.x!, username: "y" }, rights("x")),
      principal("nobody", {}, []),
    ];
    let cells = 0;
    for (const [kind, principals] of [
      ["password", byPassword],
      ["certificate", byCertificate],
    ] as const) {
      for (const each of principals) {
        const expected = expectedCells(brokers[kind], each, TOPICS);
        expect(await observedCells(brokers[kind], observers[kind], each, TOPICS), each.name).toEqual(
          expected,
        );
        cells += expected.length;
      }
    }
    expect(cells).toBeGreaterThan(200);
  });

  it("are never given out again where the update was killed as soon as they were revoked", async () => {
    delete passworded.c;
    await declare();
    const update = project.start("up", "--yes", "--skip-preview");
    while ((await retired()).c !== 2) await sleep(5);
    update.kill("SIGKILL");
    await update;
    await project.mustPulumi("cancel", "--yes");
    passworded.c = {};
    await declare();
    await project.up();
    await reload();
    const after = await login("c");
    expect(after.username).toBe("c.g3");
    expect(await lets(brokers.password, known["c again"]!)).toBe(false);
    expect(await lets(brokers.password, after)).toBe(true);
  });

  it("are never given out again where what was remembered is lost in the cluster", async () => {
    delete passworded.d;
    await declare();
    await project.up();
    await project.kubectl("-n", namespace, "delete", "configmap", LEDGER);
    passworded.d = {};
    await declare();
    const refused = await project.pulumi("up", "--yes", "--skip-preview");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(
      /credentials that are revoked: d\.[\s\S]*Run the update again/,
    );
    await reload();
    expect(await lets(brokers.password, known["d again"]!)).toBe(false);
    expect(await lets(brokers.password, known.a!)).toBe(false);
    await project.up();
    await reload();
    const after = await login("d");
    expect(after.username).toBe("d.g3");
    expect(await lets(brokers.password, after)).toBe(true);
    // Those that stayed have what they had, and what was ended is taken no more.
    expect((await login("a")).username).toBe("a.g2");
    expect(await lets(brokers.password, known.a!)).toBe(false);
    expect(await lets(brokers.password, known["a.g2"]!)).toBe(true);
  });

  it("are renewed by age, on the day and not before, and certificates in time", async () => {
    await declare({ credentials: { maxAgeDays: 90 } });
    const dueIn = async (days: number) => {
      project.variables.EDGEFLOCK_TODAY = addDays(TODAY, days);
      const steps = await project.preview();
      return steps.map(({ newState }) => newState?.inputs?.credentials).filter(Boolean);
    };
    expect(await dueIn(89)).toEqual([]);
    // Two thirds of 1095 days.
    expect((await dueIn(730)).sort()).toEqual(
      [
        ...["a: generation 3 (from 2)", "b: generation 2 (from 1)", "c: generation 4 (from 3)"],
        ...["d: generation 4 (from 3)", "observer: generation 2 (from 1)", "x: generation 2 (from 1)"],
        "y: generation 3 (from 2)",
      ].map((line) => expect.stringContaining(`${line} of ${addDays(TODAY, 730)}`)),
    );
    delete project.variables.EDGEFLOCK_TODAY;
  });

  it("of the service accounts come with a kubeconfig that asks for a token when one is needed", async () => {
    const { stdout } = await project.mustPulumi("stack", "output", "kubeconfigs", "--json", "--show-secrets");
    const kubeconfigs = JSON.parse(stdout) as Record<string, Record<string, string>>;
    expect(Object.keys(kubeconfigs[namespace]!).sort()).toEqual([
      "clusters",
      "dashboard",
      "devices",
      "flasher",
    ]);
    expect(JSON.stringify(kubeconfigs)).not.toMatch(/"?token"?: /);
    await project.write("flasher.kubeconfig", kubeconfigs[namespace]!.flasher!);
    const kubectl = (...args: string[]) =>
      execa("kubectl", ["--kubeconfig", join(project.folder, "flasher.kubeconfig"), ...args], {
        env: project.environment,
        cwd: CHECKOUT,
        reject: false,
      });
    const who = await kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}");
    expect(who.stdout || who.stderr).toBe(`system:serviceaccount:${namespace}:edgeflock-flasher`);
    expect((await kubectl("get", "secret", "a-device", "-o", "name")).stdout).toBe("secret/a-device");
    expect((await kubectl("get", "secrets")).stderr).toContain("Forbidden");
  });
});
