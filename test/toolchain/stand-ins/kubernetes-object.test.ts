import { describe, expect, it } from "vitest";
import {
  annotateSecrets,
  checkpointOf,
  idOf,
  normalized,
  objectOf,
  pruned,
  stateOf,
} from "../../../toolchain/stand-ins/kubernetes/api-object.ts";
import { kindOf } from "../../../toolchain/stand-ins/kubernetes/object-kind.ts";
import { assignName, newFieldManager } from "../../../toolchain/stand-ins/kubernetes/object-name.ts";
import { readinessOf } from "../../../toolchain/stand-ins/kubernetes/readiness.ts";
import { isSecret, type Properties, secret, UNKNOWN } from "../../../toolchain/stand-ins/property-values.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const SECRET = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "n" } };

describe("normalising inputs", () => {
  it("turns a Secret's stringData into data, over what data says", () => {
    const object = { ...SECRET, stringData: { a: "new", c: "" }, data: { a: base64("old"), b: base64("b") } };
    expect(normalized(object)).toEqual({ ...SECRET, data: { a: base64("new"), b: base64("b"), c: "" } });
  });

  it("leaves stringData alone while a value of it is unknown", () => {
    const object = { ...SECRET, stringData: { a: UNKNOWN } };
    expect(normalized(object)).toEqual(object);
  });

  it("joins base64 that is broken into lines", () => {
    expect(normalized({ ...SECRET, data: { a: "YWJj\nZGVm\r\n" } }).data).toEqual({ a: "YWJjZGVm" });
  });

  it("drops nulls and what only the server may set, but keeps the nulls of custom resources", () => {
    const metadata = { name: "x", uid: "1", resourceVersion: "2", generation: 3, managedFields: [] };
    const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { a: null, b: "" } };
    expect(normalized(configMap)).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "x" },
      data: { b: "" },
    });
    const custom = { apiVersion: "x.io/v1", kind: "Thing", spec: { a: null } };
    expect(normalized(custom)).toEqual(custom);
  });
});

describe("pruning a live object", () => {
  it("keeps what the inputs have, and lists to their length", () => {
    const live = { a: 1, b: { c: 2, d: 3 }, e: [{ f: 1, g: 2 }, { f: 3 }], h: "x" };
    expect(pruned(live, { a: 0, b: { c: 0 }, e: [{ f: 0 }], h: {} })).toEqual({
      a: 1,
      b: { c: 2 },
      e: [{ f: 1 }],
      h: "x",
    });
  });
});

describe("secrets", () => {
  it("cover a Secret's data as a whole, whatever the inputs marked", () => {
    const annotated = annotateSecrets({ ...SECRET, data: { a: "x" } }, {});
    expect(annotated.data).toEqual(secret({ a: "x" }));
    expect(isSecret(annotated.metadata)).toBe(false);
  });

  it("stay at their place in other kinds, and cover a list that holds one", () => {
    const out = { data: { a: "x", b: "y" }, list: [{ v: 1 }, { v: 2 }] };
    const annotated = annotateSecrets(out, {
      data: { a: secret("x"), b: "y" },
      list: [{ v: 1 }, { v: secret(2) }],
    });
    expect(annotated).toEqual({ data: { a: secret("x"), b: "y" }, list: secret([{ v: 1 }, { v: 2 }]) });
  });
});

describe("the state of an object", () => {
  const live = { ...SECRET, data: { a: "x" }, metadata: { ...SECRET.metadata, uid: "u" } };
  const checkpoint = {
    inputs: { ...SECRET, data: { a: "x" } },
    live,
    initialApiVersion: "v1",
    fieldManager: "m",
  };

  it("is the live object with the inputs beside it, and comes apart again", () => {
    const state = stateOf(checkpoint, {});
    expect(Object.keys(state).sort()).toEqual(
      ["__fieldManager", "__initialApiVersion", "__inputs", "apiVersion", "data", "kind", "metadata"].sort(),
    );
    expect(isSecret(state.data) && isSecret((state.__inputs as Properties).data)).toBe(true);
    expect(checkpointOf(state)).toEqual(checkpoint);
  });

  it("spells a schema's extensions as TypeScript does, and sends them as Kubernetes does", () => {
    const schema = { openAPIV3Schema: { "x-kubernetes-list-type": "set", x_other_key: 1 } };
    const state = stateOf({ ...checkpoint, live: schema }, {});
    expect(state.openAPIV3Schema).toEqual({ x_kubernetes_list_type: "set", x_other_key: 1 });
    expect(objectOf({ openAPIV3Schema: state.openAPIV3Schema! })).toEqual(schema);
  });

  it("has namespace and name for its id", () => {
    expect(idOf(SECRET)).toBe("n/s");
    expect(idOf({ metadata: { name: "cluster-wide" } })).toBe("cluster-wide");
  });
});

describe("kinds", () => {
  const urn = (type: string) => `urn:pulumi:s::p::my:component$${type}::name`;

  it("come from the type token", () => {
    expect(kindOf(urn("kubernetes:core/v1:Secret"))).toEqual({ apiVersion: "v1", kind: "Secret" });
    expect(kindOf(urn("kubernetes:apps/v1:Deployment"))).toEqual({
      apiVersion: "apps/v1",
      kind: "Deployment",
    });
    expect(kindOf(urn("kubernetes:x.io/v1:SecurityPatch"))).toEqual({
      apiVersion: "x.io/v1",
      kind: "SecurityPatch",
    });
  });

  it.for([
    "kubernetes:helm.sh/v3:Release",
    "kubernetes:yaml/v2:ConfigFile",
    "kubernetes:kustomize:Directory",
    "kubernetes:core/v1:ConfigMapPatch",
    "kubernetes:core/v1:SecretList",
  ])("of the official plugin alone are refused by name: %s", (type) => {
    expect(() => kindOf(urn(type))).toThrow(type);
  });
});

describe("names", () => {
  const options = { resourceName: "app", randomSeed: new Uint8Array(), autonaming: undefined };
  const named = (object: Properties, old?: Properties, more = {}) => {
    assignName(object, old, { ...options, ...more });
    return object.metadata as Properties;
  };

  it("are made up where none is given, marked, and kept", () => {
    const first = named({});
    expect(first.name).toMatch(/^app-[0-9a-f]{8}$/);
    expect(first.annotations).toEqual({ "pulumi.com/autonamed": "true" });
    expect(named({ metadata: { labels: { a: "b" } } }, { metadata: first })).toEqual({
      ...first,
      labels: { a: "b" },
    });
  });

  it("are the same in a preview and the update after it", () => {
    const more = { randomSeed: new Uint8Array([1, 2, 3]) };
    expect(named({}, undefined, more).name).toBe(named({}, undefined, more).name);
  });

  it("are left as given, also while unknown", () => {
    expect(named({ metadata: { name: "mine" } })).toEqual({ name: "mine" });
    expect(named({ metadata: { name: UNKNOWN } })).toEqual({ name: UNKNOWN });
  });

  it("follow the project's pattern, or are demanded where autonaming is off", () => {
    const autonaming = { disabled: false, proposedName: "stack-app" };
    expect(named({}, undefined, { autonaming }).name).toBe("stack-app");
    expect(() => named({}, undefined, { autonaming: { disabled: true, proposedName: "" } })).toThrow(
      /metadata.name/,
    );
  });

  it("are not left to the server", () => {
    expect(() => named({ metadata: { generateName: "x-" } })).toThrow(/generateName/);
  });

  it("of field managers are one for each resource", () => {
    expect(newFieldManager()).toMatch(/^pulumi-kubernetes-[0-9a-f]{8}$/);
    expect(newFieldManager()).not.toBe(newFieldManager());
  });
});

describe("readiness", () => {
  const deployment = (status: Properties) => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "d", generation: 2 },
    spec: { replicas: 2 },
    status,
  });

  it("of most kinds is given at once", () => {
    expect(readinessOf(SECRET).ready).toBe(true);
    expect(readinessOf({ apiVersion: "x.io/v1", kind: "Thing" }).ready).toBe(true);
  });

  it("of a Deployment needs its controller and every replica", () => {
    const ready = { observedGeneration: 2, updatedReplicas: 2, availableReplicas: 2 };
    expect(readinessOf(deployment(ready)).ready).toBe(true);
    expect(readinessOf(deployment({ ...ready, observedGeneration: 1 })).reason).toMatch(/not seen/);
    expect(readinessOf(deployment({ ...ready, availableReplicas: 1 })).reason).toBe(
      "1 of 2 availableReplicas",
    );
  });

  it("of a Job is its completion, and a failed one never comes", () => {
    const job = (type: string) => ({
      apiVersion: "batch/v1",
      kind: "Job",
      status: { conditions: [{ type, status: "True", message: "backoff limit reached" }] },
    });
    expect(readinessOf(job("Complete")).ready).toBe(true);
    expect(readinessOf(job("Failed"))).toEqual({
      ready: false,
      failed: true,
      reason: "backoff limit reached",
    });
  });
});
