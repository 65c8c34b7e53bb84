import { describe, expect, it } from "vitest";
import { type Deployment, hasPendingOperations, settlePending } from "../../toolchain/pending-operations.ts";

const urn = (type: string, name: string) =>
  `urn:pulumi:prod::fleet::edgeflock:index:DevicesCluster$${type}::${name}`;
const DEVICE = "pulumi-nodejs:dynamic/edgeflock:Device";
const SECRET = "kubernetes:core/v1:Secret";
const envelope = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "v1:x",
};

function device(name: string) {
  const inputs = {
    device: name,
    namespace: "gh",
    owner: `fleet/prod/gh/${name}`,
    clusterUid: "uid",
    image: envelope,
    __provider: "text",
  };
  return { urn: urn(DEVICE, name), type: DEVICE, custom: true, parent: urn("component", name), inputs };
}
const parent = (name: string) => ({ urn: urn("component", name), type: "edgeflock:index:Device" });

describe("pending operations", () => {
  it("are seen in the text of a state, whatever its spacing", () => {
    const state = (pending: unknown[]) => ({ deployment: { resources: [], pending_operations: pending } });
    expect(hasPendingOperations(JSON.stringify(state([{ type: "creating" }])))).toBe(true);
    expect(hasPendingOperations(JSON.stringify(state([{ type: "creating" }]), null, 4))).toBe(true);
    expect(hasPendingOperations(JSON.stringify(state([])))).toBe(false);
    expect(hasPendingOperations("{}")).toBe(false);
  });

  it("that create a Device make it one of the state, with what a delete needs and nothing secret in plain", () => {
    const before: Deployment = {
      resources: [parent("a")],
      pending_operations: [{ resource: device("a"), type: "creating" }],
    };
    const { deployment, toRefresh } = settlePending(before);
    expect(deployment.pending_operations).toEqual([]);
    expect(deployment.resources).toHaveLength(2);
    expect(deployment.resources![1]).toMatchObject({
      urn: urn(DEVICE, "a"),
      id: "gh/a-device",
      inputs: { image: envelope },
      outputs: {
        device: "a",
        namespace: "gh",
        owner: "fleet/prod/gh/a",
        clusterUid: "uid",
        __provider: "text",
        applied: "",
      },
    });
    expect(deployment.resources![1]!.outputs).not.toHaveProperty("image");
    expect(toRefresh).toEqual([]);
  });

  it("that create what the state has already, or whose parent it lacks, are dropped", () => {
    const known = { ...device("a"), id: "gh/a-device" };
    const { deployment } = settlePending({
      resources: [parent("a"), known],
      pending_operations: [
        { resource: device("a"), type: "creating" },
        { resource: device("b"), type: "creating" },
      ],
    });
    expect(deployment.resources).toEqual([parent("a"), known]);
  });

  it("that create a renamed Device are dropped: the one under its old name stands for both", () => {
    const old = { ...device("a"), id: "gh/a-device" };
    const renamed = { ...device("b"), parent: urn("component", "a"), aliases: [old.urn] };
    const { deployment } = settlePending({
      resources: [parent("a"), old],
      pending_operations: [{ resource: renamed, type: "creating" }],
    });
    expect(deployment.resources).toEqual([parent("a"), old]);
  });

  it("that create users elsewhere keep what a delete needs, so that none goes on for ever", () => {
    const made = (kind: string, inputs: object) => {
      const type = `pulumi-nodejs:dynamic/edgeflock:${kind}`;
      const common = {
        cluster: "gh",
        namespace: "gh",
        owner: "fleet/prod/gh",
        clusterUid: "uid",
        __provider: "text",
      };
      const resource = { urn: urn(type, "gh"), type, custom: true, inputs: { ...common, ...inputs } };
      const pending = { resources: [], pending_operations: [{ resource, type: "creating" }] };
      return settlePending(pending).deployment.resources![0]!;
    };
    const live = { kind: "rabbitmq", url: "https://broker" };
    const readers = { recorder: { namespace: "home", name: "recorder-mqtt", keys: {} } };
    const broker = made("Broker", { live, admin: envelope, passwords: envelope, readers, applications: {} });
    expect(broker).toMatchObject({
      id: "gh/gh-broker",
      outputs: {
        live,
        admin: envelope,
        users: {},
        unfinished: { readers, applications: {} },
        __provider: "text",
      },
    });
    expect(broker.outputs).not.toHaveProperty("passwords");
    const operator = { vhost: "/", rabbitmq: { name: "rabbit" } };
    expect(made("Broker", { operator, readers: {}, applications: {} }).outputs).toMatchObject({
      topology: { place: { cluster: "gh", namespace: "gh", ...operator }, objects: {} },
    });
    const influx = {
      admin: envelope,
      passwords: envelope,
      users: { gh_telegraf: {} },
      adminUrl: "https://influx",
    };
    expect(made("Telemetry", { ...influx, url: "https://influx" })).toMatchObject({
      id: "gh/gh-telemetry",
      outputs: { ...influx, applied: "", injected: [], __provider: "text" },
    });
    const iam = { iam: { region: "r" }, users: { store: { name: "x" } }, generation: 1, admin: envelope };
    expect(made("StoreUsers", iam)).toMatchObject({
      id: "gh/store-users",
      outputs: { ...iam, applied: "", keys: expect.stringContaining('"accessKeyId":""'), __provider: "text" },
    });
  });

  it("that create an object of Kubernetes are dropped: its create goes on over what it finds", () => {
    const secret = { urn: urn(SECRET, "s"), type: SECRET, custom: true, inputs: {} };
    const { deployment, interrupted } = settlePending({
      resources: [],
      pending_operations: [{ resource: secret, type: "creating" }],
    });
    expect(deployment.resources).toEqual([]);
    expect(interrupted).toEqual([`creating edgeflock:index:DevicesCluster$${SECRET} s`]);
  });

  it("that update or delete have their resource read anew, once", () => {
    const secret = { urn: urn(SECRET, "s"), type: SECRET, custom: true, id: "gh/s", inputs: {} };
    const { toRefresh } = settlePending({
      resources: [secret],
      pending_operations: [
        { resource: secret, type: "updating" },
        { resource: secret, type: "deleting" },
      ],
    });
    expect(toRefresh).toEqual([secret.urn]);
  });
});
