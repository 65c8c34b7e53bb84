// Devices that a real RabbitMQ lets in by their certificates alone.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { IClientOptions } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../kubernetes/api.ts";
import { deviceRights } from "../../../model/mqtt-access.ts";
import { type Login, TOPICS } from "../broker-fleet.ts";
import { expectedCells, observedCells, type Principal } from "../broker-matrix.ts";
import { cluster, device, deviceClass } from "../manifests.ts";
import { freePort, loopbackCertificate, type Tls } from "../mosquitto.ts";
import { findRabbitmq, Rabbitmq } from "../rabbitmq.ts";
import { cutOffAfter } from "../rotation.ts";
import { TestProject } from "../test-project.ts";

const there = (await findRabbitmq()) !== undefined;
if (!there) console.warn('No RabbitMQ here: install your system\'s package "rabbitmq-server".');

const ADMIN: Login = { username: "boss", password: randomBytes(9).toString("hex") };

describe.skipIf(!there)("a RabbitMQ that takes the fleet's certificates", () => {
  let project: TestProject;
  let namespace: string;
  let broker: Rabbitmq;
  let tls: Tls;
  const devices: Record<string, object> = { a: {}, b: {}, watcher: {} };

  const declare = (spec: object) =>
    project.manifests([
      cluster(namespace, {
        mqtt: {
          broker: { kind: "rabbitmq", host: "127.0.0.1", ...spec },
          topicRoot: "site",
          ca: tls.certificate,
          auth: "certificate",
        },
      }),
      deviceClass("node"),
      ...Object.entries(devices).map(([name, of]) => device(name, "north", of)),
    ]);
  const live = () => ({
    port: broker.mqttPort,
    management: { url: broker.url },
    admin: { username: ADMIN.username, password: { fromConfig: "brokerAdmin" } },
  });
  async function certificate(name: string): Promise<IClientOptions> {
    const secret = (await project.secret(namespace, `${name}-device`))!;
    expect(secret.MQTT_PASSWORD).toBeUndefined();
    return { cert: secret["tls.crt"]!, key: secret["tls.key"]! };
  }

  beforeAll(async () => {
    project = await TestProject.create();
    namespace = project.id;
    tls = await loopbackCertificate();
    await project.mustPulumi("config", "set", "--secret", "brokerAdmin", ADMIN.password);
    await declare({ mechanism: "definitions", port: await freePort() });
    await project.up();
    const { data } = await project.api.get<KubernetesObject & { data: Record<string, string> }>({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace, name: "edgeflock-mqtt-authority" },
    });
    broker = await Rabbitmq.start(join(project.folder, "broker"), tls, ADMIN, {}, data["ca.crt"]!);
    await declare(live());
    await project.up();
    const all = { user: "watcher", vhost: "/", exchange: "amq.topic", write: ".*", read: ".*" };
    await broker.api("PUT", "/api/topic-permissions/%2F/watcher", all);
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await broker?.stop();
  });

  it("lets a device in by its certificate alone, to do what the model says of it", async () => {
    const observer = { ...(await certificate("watcher")), clientId: "watcher" };
    const a: Principal = {
      name: "device a",
      login: (await certificate("a")) as Principal["login"],
      clientId: "a",
      rights: deviceRights("site", {
        ...{ original: "a", className: "node", groups: [], commands: true, broadcasts: true },
      }),
    };
    const expected = expectedCells(broker, a, TOPICS);
    expect(await observedCells(broker, observer, a, TOPICS)).toEqual(expected);
  });

  it("lets nobody in without one", async () => {
    await expect(broker.connect({ clientId: "a", username: "a", password: "x" })).rejects.toThrow();
    const other = await loopbackCertificate();
    await expect(
      broker.connect({ clientId: "a", cert: other.certificate, key: other.key }),
    ).rejects.toThrow();
  });

  it("cuts off within a second who is revoked, and does not let its certificate in again", async () => {
    const stolen = await certificate("b");
    const users = async () =>
      (await broker.api<{ name: string }[]>("GET", "/api/users")).map(({ name }) => name);
    const fleet = {
      project,
      namespace,
      broker,
      observer: {},
      login: () => certificate("b") as Promise<never>,
      async declare(name: string) {
        delete devices[name];
        await declare(live());
      },
      update: () => project.up(),
    };
    expect(await cutOffAfter(fleet, "b", async () => (await users()).includes("b"))).toBeLessThan(1000);
    await expect(broker.connect({ ...stolen, clientId: "b" })).rejects.toThrow();
  });
});
