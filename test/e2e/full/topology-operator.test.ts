// RabbitMQ's messaging topology operator itself makes the fleet's users at a real RabbitMQ, from the objects that the fleet
// declares. Its program comes as a container image alone, so who has it says where it is:
// RABBITMQ_TOPOLOGY_OPERATOR, the program, and RABBITMQ_TOPOLOGY_CRDS, the folder config/crd/bases of its repository.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { topologyObjects } from "../../../builders/rabbitmq/topology-objects.ts";
import type { KubernetesObject } from "../../../kubernetes/api.ts";
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
import { freePort, loopbackCertificate, type Tls } from "../mosquitto.ts";
import { openDefinition } from "../open-definition.ts";
import { findRabbitmq, Rabbitmq } from "../rabbitmq.ts";
import { lets } from "../rotation.ts";
import { TestProject } from "../test-project.ts";

const { RABBITMQ_TOPOLOGY_OPERATOR: program, RABBITMQ_TOPOLOGY_CRDS: definitions } = process.env;
const there = program !== undefined && definitions !== undefined && (await findRabbitmq()) !== undefined;
if (!there) {
  console.warn(
    "The test of RabbitMQ's topology operator is skipped: it takes RabbitMQ, RABBITMQ_TOPOLOGY_OPERATOR and RABBITMQ_TOPOLOGY_CRDS.",
  );
}

const ADMIN: Login = { username: "boss", password: randomBytes(9).toString("hex") };
const WAIT = { timeout: 120_000, interval: 200 };

describe.skipIf(!there)("RabbitMQ's topology operator with a fleet's objects", () => {
  let project: TestProject;
  let namespace: string;
  let broker: Rabbitmq;
  let tls: Tls;
  let operator: ChildProcess;
  let log = "";
  const known: Record<string, Login> = {};

  const declare = (devices: object[] = brokerDevices()) =>
    project.manifests(
      brokerManifests(
        namespace,
        {
          broker: {
            kind: "rabbitmq",
            mechanism: "operator",
            cluster: { connectionSecret: { name: "rabbit" }, namespace: `${namespace}-rabbit` },
            host: "127.0.0.1",
            port: broker.mqttPort,
          },
          ca: tls.certificate,
        },
        devices,
      ),
    );
  const text = async (name: string) => {
    const secret = (await project.secret(namespace, name)) ?? {};
    return Object.fromEntries(Object.entries(secret).map(([key, value]) => [key, value.toString()]));
  };
  const login = async (name: string): Promise<Login> => {
    const secret = await text(`${name}-device`);
    return { username: secret.MQTT_USERNAME!, password: secret.MQTT_PASSWORD! };
  };
  const users = async () =>
    (await broker.api<{ name: string }[]>("GET", "/api/users"))
      .map(({ name }) => name)
      .filter((name) => name !== ADMIN.username && name !== OBSERVER.username)
      .sort();
  const rights = async () => (await broker.api<unknown[]>("GET", "/api/topic-permissions")).length;

  beforeAll(async () => {
    project = await TestProject.create();
    namespace = project.id;
    tls = await loopbackCertificate();
    broker = await Rabbitmq.start(join(project.folder, "broker"), tls, ADMIN);
    await broker.api("PUT", `/api/users/${OBSERVER.username}`, { password: OBSERVER.password, tags: "" });
    const all = { configure: ".*", write: ".*", read: ".*" };
    await broker.api("PUT", `/api/permissions/%2F/${OBSERVER.username}`, all);
    expect((await project.kubectl("apply", "-f", definitions!)).exitCode).toBe(0);
    await project.api.create(openDefinition("RabbitmqCluster", "rabbitmqclusters"));
    await connectionSecret();
    await project.write("rabbit.pem", tls.certificate);
    operator = spawn(
      program!,
      [`--health-probe-bind-address=127.0.0.1:${await freePort()}`, "--leader-elect=false"],
      {
        env: {
          ...project.environment,
          KUBECONFIG: project.kubeconfig,
          OPERATOR_NAMESPACE: "default",
          ENABLE_WEBHOOKS: "false",
          SSL_CERT_FILE: join(project.folder, "rabbit.pem"),
        },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    for (const stream of [operator.stdout!, operator.stderr!]) {
      stream.on("data", (chunk: Buffer) => {
        log += chunk;
      });
    }
    await declare();
    await project.up();
    for (const name of ["a", "b", "c", "m", "g"]) known[name] = await login(name);
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    operator?.kill("SIGTERM");
    await project?.kubectl("delete", "-f", definitions!, "--timeout=60s");
    await project?.kubectl("delete", "crd", "rabbitmqclusters.rabbitmq.com", "--timeout=60s");
    await project?.kubectl("delete", "namespace", `${namespace}-rabbit`, "--wait=false");
    await broker?.stop();
  });

  async function connectionSecret(): Promise<void> {
    const place = `${namespace}-rabbit`;
    await project.api.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: place } });
    const encode = (value: string) => Buffer.from(value).toString("base64");
    const secret: KubernetesObject = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: "rabbit",
        namespace: place,
        labels: { "rabbitmq.com/topology-operator": "true" },
        annotations: { "rabbitmq.com/topology-allowed-namespaces": namespace },
      },
      data: {
        uri: encode(broker.url),
        username: encode(ADMIN.username),
        password: encode(ADMIN.password),
      },
    };
    await project.api.create(secret);
  }

  it("makes everybody there, with their passwords and rights", async () => {
    await vi.waitFor(async () => {
      expect(await users(), log.slice(-3000)).toEqual([
        ...["a", "application_home", "b", "c", "g", "m", "reader_recorder"],
      ]);
      expect(await rights()).toBe(7);
    }, WAIT);
    expect(await lets(broker, "a", known.a!)).toBe(true);
    expect(await lets(broker, "a", { ...known.a!, password: known.b!.password })).toBe(false);
    expect(log).not.toContain(known.a!.password);
  });

  it("sees the objects as they were meant: every one is ready", async () => {
    const [secret] = topologyObjects(
      { cluster: namespace, namespace, vhost: "/", rabbitmq: {} },
      { username: "a", clientId: "a", rights: [], passwordHash: "" },
    );
    for (const kind of ["users", "permissions", "topicpermissions"]) {
      const args = ["wait", `${kind}.rabbitmq.com/${secret!.metadata.name}`, "--for=condition=Ready"];
      const { exitCode, stderr } = await project.kubectl("-n", namespace, ...args, "--timeout=60s");
      expect(exitCode, stderr).toBe(0);
    }
  });

  it("lets each do what the model says of it, and nothing else; who is revoked cannot come back", async () => {
    await declare(changed(brokerDevices(), "c", undefined));
    await project.up();
    await vi.waitFor(async () => expect(await users()).not.toContain("c"), WAIT);
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

  it("lets both generations in, and the old one no longer when the manifest says so", async () => {
    const others = brokerDevices().filter(({ metadata }) => metadata.name !== "c");
    await declare(changed(others, "g", { spec: { credentials: { generation: 2 } } }));
    await project.up();
    await vi.waitFor(async () => expect(await users()).toContain("g.g2"), WAIT);
    const renewed = await login("g");
    await vi.waitFor(async () => expect(await lets(broker, "g", renewed)).toBe(true), WAIT);
    expect(await lets(broker, "g", known.g!)).toBe(true);
    await declare(changed(others, "g", { spec: { credentials: { generation: 2, keepPrevious: false } } }));
    await project.up();
    await vi.waitFor(async () => expect(await users()).not.toContain("g"), WAIT);
    expect([await lets(broker, "g", known.g!), await lets(broker, "g", renewed)]).toEqual([false, true]);
  });

  it("takes all users away with the fleet", async () => {
    const external = { broker: { kind: "external", host: "mqtt.example" }, readers: [], applications: [] };
    const others = brokerDevices({ credentials: { generation: 2 } });
    await project.manifests(brokerManifests(namespace, external, others));
    await project.up();
    await vi.waitFor(async () => expect(await users()).toEqual([]), WAIT);
  });
});
