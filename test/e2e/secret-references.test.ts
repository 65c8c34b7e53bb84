// Whoever edits objects must not get at Secrets by what the update does for them: tried on a real API server, with the
// tokens of two people, one of whom may read and change the namespace's Secrets.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { connect, type KubernetesApi } from "../../kubernetes/api.ts";
import { loadConnection } from "../../kubernetes/kubeconfig.ts";
import { roleKubeconfig } from "../../kubernetes/role-kubeconfig.ts";
import { requestToken } from "../../kubernetes/service-account-token.ts";
import { API_GROUP, API_VERSION, PLURALS } from "../../model/names.ts";
import { installKinds } from "./installed-kinds.ts";
import { cluster } from "./manifests.ts";
import { type OwnCluster, ownCluster } from "./own-cluster.ts";
import { TestProject } from "./test-project.ts";

const RBAC = "rbac.authorization.k8s.io";
const READING = /must be allowed to read it/;
const WRITING = /must be allowed to change it/;
const URL_OF_CLUSTERS = `/apis/${API_VERSION}/${PLURALS.DevicesCluster}`;

type Spec = Record<string, unknown>;
const source = (name: string, key = "token") => ({ fromSecret: { name, key } });
const mqtt = (more: Spec = {}) => ({
  broker: { kind: "mosquitto", host: "mqtt.example" },
  topicRoot: "site",
  ...more,
});
const live = (admin: Spec, host = "mqtt.example") =>
  mqtt({ broker: { kind: "emqx", host, admin: { username: "admin", password: source("known"), ...admin } } });
const s3 = (more: Spec) => ({ artifacts: { kind: "s3", bucket: "fleet-firmware", ...more } });
const oci = (more: Spec) => ({ artifacts: { kind: "oci", repository: "registry.example/fleet", ...more } });
const influx = (password: Spec, more: Spec, url = "https://influx.example") => ({
  telemetry: {
    influxdb: { url, database: "site", admin: { username: "admin", password } },
    ...more,
  },
  mqtt: mqtt({ readers: [{ name: "telegraf", secret: { name: "known" } }] }),
});

/** A spec that names this Secret in a place where an update reads it. */
const READ: Record<string, (name: string) => Spec> = {
  secrets: (name) => ({ secrets: { "wifi.password": source(name) } }),
  "mqtt.broker.admin.username": (name) => ({
    mqtt: live({ username: source(name), password: source("known") }),
  }),
  "mqtt.broker.admin.password": (name) => ({ mqtt: live({ password: source(name) }) }),
  "artifacts.credentials of s3": (name) =>
    s3({ credentials: { accessKeyId: source("known"), secretAccessKey: source(name) } }),
  "artifacts.flashing of s3": (name) =>
    s3({ flashing: { accessKeyId: source(name), secretAccessKey: source("known") } }),
  "artifacts.iam.admin": (name) =>
    s3({ iam: { admin: { accessKeyId: source("known"), secretAccessKey: source(name) } } }),
  "artifacts.credentials of oci": (name) =>
    oci({ credentials: { username: source("known"), password: source(name) } }),
  "artifacts.flashing of oci": (name) =>
    oci({ flashing: { username: source(name), password: source("known") } }),
  "telemetry.influxdb.admin.password": (name) =>
    influx(source(name), { telegraf: { reader: "telegraf", secret: { name: "known-2" } } }),
  "mqtt.broker.cluster.connectionSecret": (name) => ({
    mqtt: mqtt({
      broker: {
        kind: "rabbitmq",
        mechanism: "operator",
        host: "mqtt.example",
        cluster: { connectionSecret: { name } },
      },
    }),
  }),
};

/** The same where an update writes it. */
const WRITTEN: Record<string, (name: string) => Spec> = {
  "mqtt.readers": (name) => ({ mqtt: mqtt({ readers: [{ name: "app", secret: { name } }] }) }),
  "mqtt.applications": (name) => ({ mqtt: mqtt({ applications: [{ name: "app", secret: { name } }] }) }),
  "telemetry.telegraf": (name) =>
    influx(source("known"), { telegraf: { reader: "telegraf", secret: { name } } }),
  "telemetry.grafana": (name) => influx(source("known"), { grafana: { secret: { name } } }),
};

describe("Secrets that a DevicesCluster names", () => {
  let project: TestProject;
  let namespace: string;
  let kubernetes: OwnCluster;
  /** May edit DevicesClusters, and read and change the Secrets "known" and "known-2" alone. */
  let editor: KubernetesApi;
  /** May do that, and read and change every Secret of the namespace. */
  let manager: KubernetesApi;

  beforeAll(async () => {
    kubernetes = await ownCluster("secrets-");
    project = await TestProject.create(undefined, kubernetes.kubeconfig);
    namespace = project.id;
    await installKinds(project.api);
    await make({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    const clusters = { apiGroups: [API_GROUP], resources: [PLURALS.DevicesCluster], verbs: ["*"] };
    const secrets = { apiGroups: [""], resources: ["secrets"], verbs: ["get", "patch"] };
    editor = await person("editor", clusters, { ...secrets, resourceNames: ["known", "known-2"] });
    manager = await person("manager", clusters, { ...secrets, verbs: ["get", "list", "patch"] });
    await vi.waitFor(() => expect(create(editor, READ.secrets!("hidden"))).rejects.toThrow(READING), {
      timeout: 60_000,
      interval: 200,
    });
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await kubernetes?.[Symbol.asyncDispose]();
  });

  const make = (object: object) => project.api.create(object as never);

  async function person(name: string, everywhere: object, inside: object): Promise<KubernetesApi> {
    const subjects = [{ kind: "ServiceAccount", name, namespace }];
    const whole = { name: `${namespace}-${name}` };
    await make({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } });
    for (const [prefix, metadata, rule] of [
      ["Cluster", whole, everywhere],
      ["", { name, namespace }, inside],
    ] as const) {
      const kind = `${prefix}Role`;
      const roleRef = { apiGroup: RBAC, kind, name: metadata.name };
      await make({ apiVersion: `${RBAC}/v1`, kind, metadata, rules: [rule] });
      await make({ apiVersion: `${RBAC}/v1`, kind: `${kind}Binding`, metadata, roleRef, subjects });
    }
    const { token } = await requestToken(project.api, { namespace, name }, 3600);
    const connection = await loadConnection({ kubeconfig: project.kubeconfig });
    const file = join(project.folder, `${name}.kubeconfig`);
    await writeFile(file, roleKubeconfig(connection, { namespace, account: name, user: { token } }), {
      mode: 0o600,
    });
    return connect({ kubeconfig: file });
  }

  const create = (api: KubernetesApi, spec: Spec) =>
    api.request("POST", URL_OF_CLUSTERS, {
      query: { dryRun: "All", fieldValidation: "Strict" },
      body: { ...cluster(namespace, { mqtt: mqtt(), ...spec }), metadata: { name: `${namespace}-new` } },
    });

  const change = (api: KubernetesApi, patch: object) =>
    api.request("PATCH", `${URL_OF_CLUSTERS}/${namespace}-kept`, {
      query: { dryRun: "All" },
      body: patch,
      contentType: "application/merge-patch+json",
    });

  it.each(Object.entries(READ))("are read from %s for those alone who may read them", async (_, spec) => {
    await expect(create(editor, spec("hidden"))).rejects.toThrow(READING);
    await create(editor, spec("known"));
    await create(manager, spec("hidden"));
  });

  it.each(Object.entries(WRITTEN))(
    "are written for %s for those alone who may change them",
    async (_, spec) => {
      await expect(create(editor, spec("hidden"))).rejects.toThrow(WRITING);
      await create(editor, spec("known-2"));
      await create(manager, spec("hidden"));
    },
  );

  it("are not got at in another namespace, by name or by moving there", async () => {
    const elsewhere = { ...cluster("elsewhere", { mqtt: mqtt() }), metadata: { name: `${namespace}-new` } };
    const post = (spec: Spec) =>
      manager.request("POST", URL_OF_CLUSTERS, {
        query: { dryRun: "All" },
        body: { ...elsewhere, spec: { ...elsewhere.spec, ...spec } },
      });
    await post({ secrets: { made: { random: { length: 20 } } } });
    for (const spec of Object.values(READ)) await expect(post(spec("known"))).rejects.toThrow(READING);
    await expect(post(WRITTEN["mqtt.applications"]!("known"))).rejects.toThrow(WRITING);
    const secret = { name: "known", namespace: "kube-system" };
    await expect(
      create(manager, { mqtt: mqtt({ applications: [{ name: "app", secret }] }) }),
    ).rejects.toThrow(WRITING);
  });

  it("are those of the update itself for those who may read all of the namespace", async () => {
    for (const own of [{ fromConfig: "wifi" }, { fromEnv: "HOME" }]) {
      await expect(create(editor, { secrets: { own } })).rejects.toThrow(READING);
      await create(manager, { secrets: { own } });
    }
    await create(editor, { secrets: { made: { random: { length: 20 } } } });
  });

  it("may be twenty at once, each by its name", async () => {
    const many = (count: number) => ({
      secrets: Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`key.${index}`, source("known", `key-${index}`)]),
      ),
    });
    await create(editor, many(20));
    await expect(create(editor, many(21))).rejects.toThrow(READING);
    await create(manager, many(100));
    const late = many(19).secrets as Record<string, unknown>;
    await expect(create(editor, { secrets: { ...late, "key.99": source("hidden") } })).rejects.toThrow(
      READING,
    );
  });

  it("stay for anybody's edit as they are, but go to no other server, and mean no other Secret", async () => {
    const kept = cluster(namespace, {
      mqtt: {
        ...live({ password: source("hidden") }),
        readers: [{ name: "app", secret: { name: "hidden" } }],
      },
      secrets: { "wifi.password": source("hidden") },
      ...s3({ credentials: { accessKeyId: source("hidden"), secretAccessKey: source("hidden", "other") } }),
      telemetry: {
        influxdb: {
          url: "https://influx.example",
          database: "site",
          admin: { username: "admin", password: source("hidden") },
        },
        telegraf: { reader: "app", secret: { name: "hidden-2" } },
      },
    });
    await make({ ...kept, metadata: { name: `${namespace}-kept` } });
    await change(editor, { spec: { settings: { "telemetry.interval": 60 } } });
    await change(editor, { spec: { secrets: { more: source("known") } } });
    await change(editor, { spec: { mqtt: { topicRoot: "other" } } });
    const thefts = [
      { secrets: { more: source("hidden") } },
      { secrets: { "wifi.password": source("hidden", "another-key") } },
      { mqtt: { broker: { host: "mqtt.thief.example" } } },
      { mqtt: { broker: { management: { tls: false } } } },
      { mqtt: { ca: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" } },
      { artifacts: { endpoint: "https://s3.thief.example" } },
      { telemetry: { influxdb: { url: "https://influx.thief.example" } } },
    ];
    for (const spec of thefts) {
      await expect(change(editor, { spec }), JSON.stringify(spec)).rejects.toThrow(READING);
      await change(manager, { spec });
    }
    const move = {
      metadata: { annotations: { "edgeflock.io/change-namespace": "elsewhere" } },
      spec: { namespace: "elsewhere" },
    };
    await expect(change(manager, move)).rejects.toThrow(READING);
  });
});
