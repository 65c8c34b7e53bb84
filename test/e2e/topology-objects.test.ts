// The users of a RabbitMQ as objects of its topology operator, in a real API server. The operator itself is not there
// (test/e2e/full/topology-operator.test.ts), and nor are its definitions: those here take whatever is said.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HASHING, passwordHash } from "../../builders/rabbitmq/password-hash.ts";
import { permissions, topicPermissions } from "../../builders/rabbitmq/permissions.ts";
import type { KubernetesObject } from "../../kubernetes/api.ts";
import { deviceRights } from "../../model/mqtt-access.ts";
import { brokerDevices, brokerManifests, changed } from "./broker-fleet.ts";
import { openDefinition } from "./open-definition.ts";
import { TestProject } from "./test-project.ts";

const KINDS = {
  Vhost: "vhosts",
  User: "users",
  Permission: "permissions",
  TopicPermission: "topicpermissions",
};

interface TopologyObject extends KubernetesObject {
  spec: Record<string, unknown> & { permissions?: object };
}

describe("a RabbitMQ's users as objects of its operator", () => {
  let project: TestProject;
  let namespace: string;
  const definitions = Object.entries(KINDS).map(([kind, plural]) => openDefinition(kind, plural));
  const manifests = (devices: object[] = brokerDevices(), mqtt: object = {}) =>
    project.manifests(
      brokerManifests(
        namespace,
        {
          broker: {
            kind: "rabbitmq",
            mechanism: "operator",
            cluster: { name: "rabbit", namespace: "messaging" },
            host: "rabbit.messaging.svc",
            vhost: "site",
          },
          ...mqtt,
        },
        devices,
      ),
    );
  const objects = async (kind: keyof typeof KINDS) => {
    const of = { apiVersion: "rabbitmq.com/v1beta1", kind, namespace };
    return project.api.list<TopologyObject>(of);
  };
  const users = async () => (await objects("User")).map(({ metadata }) => metadata.name).sort();
  const ours = (names: string[]) => names.map((name) => `${namespace}-mqtt-${name}`).sort();

  beforeAll(async () => {
    project = await TestProject.create();
    namespace = project.id;
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    for (const each of definitions) await project.api.delete(each).catch(() => undefined);
  });

  it("need the operator's kinds, and say so where they are not there", async () => {
    await manifests();
    const refused = await project.pulumi("up", "--yes", "--skip-preview");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(
      /has no kind Vhost in rabbitmq\.com\/v1beta1\.[\s\S]*messaging topology operator/,
    );
    expect(await project.secret(namespace, `${namespace}-mqtt-a`)).toBeUndefined();
    for (const each of definitions) await project.api.create(each);
    await project.up();
  });

  it("are four for each user, and one for the virtual host", async () => {
    const names = await users();
    expect(names).toEqual(expect.arrayContaining(ours(["a", "b", "c", "g", "m"])));
    expect(names).toHaveLength(7);
    for (const kind of ["Permission", "TopicPermission"] as const) {
      expect((await objects(kind)).map(({ metadata }) => metadata.name).sort()).toEqual(names);
    }
    expect((await objects("Vhost")).map(({ spec }) => spec.name)).toEqual(["site"]);
    const secret = (await project.secret(namespace, `${namespace}-mqtt-a`))!;
    const { MQTT_PASSWORD } = (await project.secret(namespace, "a-device"))!;
    const hash = String(secret.passwordHash);
    const salt = Buffer.from(hash, "base64").subarray(0, 4);
    expect(hash).toBe(passwordHash(String(MQTT_PASSWORD), salt, HASHING.sha512));
    expect(Object.keys(secret).sort()).toEqual(["passwordHash", "username"]);
    const find = async (kind: "Permission" | "TopicPermission") =>
      (await objects(kind)).find(({ metadata }) => metadata.name === `${namespace}-mqtt-a`)!.spec.permissions;
    const rights = deviceRights("site", {
      ...{ original: "a", className: "node", groups: ["north"], commands: true, broadcasts: true },
    });
    expect(await find("Permission")).toEqual(permissions({ clientId: "a" }));
    expect(await find("TopicPermission")).toEqual(topicPermissions({ rights }));
    expect(await project.preview()).toEqual([]);
  });

  it("change with the fleet: another group, another generation, a device less, and nothing else is written", async () => {
    const versions = async () =>
      new Map(
        (await objects("TopicPermission")).map(({ metadata }) => [metadata.name, metadata.resourceVersion]),
      );
    const before = await versions();
    const renewed = brokerDevices({ credentials: { generation: 2 } });
    const moved = changed(renewed, "b", { hall: "north" }).filter(
      (each) => (each as { metadata: { name: string } }).metadata.name !== "c",
    );
    await manifests(moved);
    await project.up();
    const after = await versions();
    const [gone, there, other] = [ours(["c"])[0]!, ours(["g.g2"])[0]!, ours(["a"])[0]!];
    expect([after.has(gone), after.has(there), after.get(other)]).toEqual([false, true, before.get(other)]);
    expect(after.get(ours(["b"])[0]!)).not.toBe(before.get(ours(["b"])[0]!));
    expect(await project.secret(namespace, gone)).toBeUndefined();
  });

  it("that somebody changed or deleted are seen at a refresh, and put right", async () => {
    await project.kubectl("-n", namespace, "delete", "users.rabbitmq.com", ours(["a"])[0]!);
    const more = { spec: { permissions: { configure: ".*" } } };
    const args = ["patch", "permissions.rabbitmq.com", ours(["m"])[0]!, "--type=merge", "-p"];
    await project.kubectl("-n", namespace, ...args, JSON.stringify(more));
    await project.mustPulumi("refresh", "--yes", "--skip-preview");
    const [step] = await project.preview();
    expect(JSON.stringify(step!.oldState)).toContain(
      `objects of ${namespace}-mqtt-a, ${namespace}-mqtt-m changed`,
    );
    await project.up();
    expect(await users()).toContain(ours(["a"])[0]!);
    const [m] = (await objects("Permission")).filter(({ metadata }) => metadata.name === ours(["m"])[0]!);
    expect(m!.spec.permissions).toEqual(permissions({ clientId: "m" }));
    expect(await project.preview()).toEqual([]);
  });

  it("stay with their virtual host, and go when the broker is somebody else's", async () => {
    const renewed = brokerDevices({ credentials: { generation: 2 } });
    const elsewhere = {
      kind: "rabbitmq",
      mechanism: "operator",
      cluster: { name: "rabbit" },
      host: "r.example",
    };
    await manifests(renewed, { broker: elsewhere });
    const refused = await project.pulumi("up", "--yes", "--skip-preview");
    expect(refused.stdout + refused.stderr).toMatch(/keeps its objects with one RabbitMQ/);
    const external = { broker: { kind: "external", host: "mqtt.example" }, readers: [], applications: [] };
    await manifests(renewed, external);
    await project.up();
    for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) expect(await objects(kind)).toEqual([]);
  });
});
