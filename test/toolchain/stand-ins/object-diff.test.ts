import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leaveIgnored, takeOver } from "../../../toolchain/stand-ins/kubernetes/field-managers.ts";
import { replacingFields } from "../../../toolchain/stand-ins/kubernetes/replacing-fields.ts";
import { contains, differences, parsePath, pathText } from "../../../toolchain/stand-ins/object-diff.ts";
import { type Properties, secret, UNKNOWN } from "../../../toolchain/stand-ins/property-values.ts";

const FIXED = { configMaps: false, secrets: false };
const MUTABLE = { configMaps: true, secrets: true };

const changes = (live: Properties, olds: Properties, news: Properties, replacing: string[] = []) =>
  differences(live, olds, news, replacing).map(({ path, change, replaces }) =>
    [pathText(path), change, ...(replaces ? ["replaces"] : [])].join(" "),
  );

describe("what differs", () => {
  it("is named by path, field by field", () => {
    const live = { a: 1, list: [{ x: 1 }, { x: 2 }], gone: true, "odd.key": 1 };
    const news = { a: 2, list: [{ x: 1 }, { x: 3 }, { x: 4 }], added: { deep: 1 }, "odd.key": 2 };
    expect(changes(live, live, news)).toEqual([
      "a update",
      "list[1].x update",
      "list[2] add",
      "added add",
      '["odd.key"] update',
      "gone delete",
    ]);
  });

  it("is nothing for any object compared with itself", () => {
    const object = fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue()) as fc.Arbitrary<Properties>;
    fc.assert(fc.property(object, (value) => changes(value, value, structuredClone(value)).length === 0));
  });

  it("is not what the server made of unchanged inputs", () => {
    const live = { memory: "1Gi", hostNetwork: undefined as never };
    const inputs = { memory: "1024Mi", hostNetwork: false };
    delete (live as Properties).hostNetwork;
    expect(changes(live, inputs, inputs)).toEqual([]);
    expect(changes(live, inputs, { ...inputs, memory: "2Gi" })).toEqual(["memory update"]);
  });

  it("is what somebody edited, once a refresh has seen it", () => {
    const edited = { data: { a: "edited" } };
    expect(changes(edited, edited, { data: { a: "wanted" } })).toEqual(["data.a update"]);
  });

  it("is what is unknown, and no empty list", () => {
    expect(changes({ a: "x" }, { a: "x" }, { a: UNKNOWN, b: UNKNOWN })).toEqual(["a update", "b add"]);
    expect(changes({}, {}, { list: [], nothing: null })).toEqual([]);
  });

  it("does not look into secrets", () => {
    expect(changes({ s: secret("a") }, { s: secret("a") }, { s: secret("b") })).toEqual(["s update"]);
  });
});

describe("what replaces", () => {
  const object = (apiVersion: string, kind: string, rest: Properties = {}) => ({ apiVersion, kind, ...rest });
  const replaced = (
    apiVersion: string,
    kind: string,
    before: Properties,
    after: Properties,
    mutable = FIXED,
  ) =>
    differences(before, before, after, replacingFields(object(apiVersion, kind, after), mutable)).some(
      ({ replaces }) => replaces,
    );

  it("is another name or namespace, for every kind", () => {
    expect(replaced("x.io/v1", "Thing", { metadata: { name: "a" } }, { metadata: { name: "b" } })).toBe(true);
    const [a, b] = [{ metadata: { namespace: "a" } }, { metadata: { namespace: "b" } }];
    expect(replaced("v1", "ServiceAccount", a, b)).toBe(true);
    expect(replaced("v1", "ServiceAccount", {}, { metadata: { labels: { a: "b" } } })).toBe(false);
  });

  it("is the data of a ConfigMap or Secret, unless the provider's options or immutable say otherwise", () => {
    for (const kind of ["Secret", "ConfigMap"]) {
      const [a, b] = [{ data: { k: "1" } }, { data: { k: "2" } }];
      expect(replaced("v1", kind, a, b)).toBe(true);
      expect(replaced("v1", kind, a, b, MUTABLE)).toBe(false);
      expect(replaced("v1", kind, { ...a, immutable: true }, { ...b, immutable: true }, MUTABLE)).toBe(true);
    }
    expect(replaced("v1", "Secret", { type: "a" }, { type: "b" }, MUTABLE)).toBe(true);
  });

  it.for([
    ["batch/v1", "Job", "spec.template.spec.containers"],
    ["apps/v1", "Deployment", "spec.selector.matchLabels"],
    ["apps/v1", "StatefulSet", "spec.serviceName"],
    ["rbac.authorization.k8s.io/v1", "RoleBinding", "roleRef.name"],
    ["storage.k8s.io/v1", "StorageClass", "parameters.type"],
    ["v1", "Service", "spec.clusterIP"],
    ["v1", "PersistentVolumeClaim", "spec.storageClassName"],
  ] as const)("is, for %s %s, a change of %s, also from above it", ([apiVersion, kind, path]) => {
    const nested = (value: unknown) =>
      path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Properties;
    expect(replaced(apiVersion, kind, nested("a"), nested("b"))).toBe(true);
    expect(replaced(apiVersion, kind, {}, nested("b"))).toBe(true);
    expect(replaced(apiVersion, kind, { spec: { x: 1 } }, { spec: { x: 2 } })).toBe(false);
  });

  it("is, for a Pod, what its containers run, in whichever position", () => {
    const pod = (image: string) => ({
      spec: {
        containers: [
          { name: "a", image: "1" },
          { name: "b", image },
        ],
      },
    });
    expect(replaced("v1", "Pod", pod("1"), pod("2"))).toBe(true);
  });
});

describe("paths", () => {
  it("are written and read back", () => {
    const key = fc.oneof(fc.stringMatching(/^[a-z]{1,5}$/), fc.constantFrom("a.b", 'quo"te', "br[ack]et"));
    const path = fc
      .array(fc.oneof(key, fc.nat(20)), { minLength: 1 })
      .filter(([first]) => typeof first === "string");
    fc.assert(
      fc.property(path, (steps) => {
        expect(parsePath(pathText(steps))).toEqual(steps);
      }),
    );
  });

  it("contain what is below them, and a star stands for anything", () => {
    expect(contains(parsePath("spec.ports[*].port"), ["spec", "ports", 3, "port"])).toBe(true);
    expect(contains(parsePath("data"), ["data", "a"])).toBe(true);
    expect(contains(parsePath("data.a"), ["data"])).toBe(false);
  });
});

describe("field managers", () => {
  const entry = (manager: string, operation: string, fieldsV1: Properties) => ({
    manager,
    operation,
    apiVersion: "v1",
    fieldsType: "FieldsV1",
    fieldsV1,
  });
  const live = (...entries: Properties[]) => ({ metadata: { managedFields: entries } });

  it("hand the fields of a create to the resource's own manager", () => {
    const created = entry("pulumi-kubernetes", "Update", { "f:data": { "f:a": {} } });
    const own = entry("pulumi-kubernetes-1", "Apply", { "f:data": { "f:b": {} } });
    const other = entry("kubectl-edit", "Update", { "f:data": { "f:c": {} } });
    expect(takeOver(live(created, other, own), "pulumi-kubernetes-1")).toEqual([
      entry("pulumi-kubernetes-1", "Apply", { "f:data": { "f:a": {}, "f:b": {} } }),
      other,
    ]);
    expect(takeOver(live(other, own), "pulumi-kubernetes-1")).toBeUndefined();
  });

  it("leave ignored fields to whoever owns them", () => {
    const object = {
      ...live(
        entry("me", "Apply", { "f:data": { "f:mine": {} } }),
        entry("hpa", "Update", { "f:data": { "f:theirs": {} } }),
      ),
      data: { mine: "live", theirs: "live" },
    };
    const inputs: Properties = { data: { mine: "input", theirs: "input", other: "input" } };
    leaveIgnored(inputs, object as unknown as Properties, "me", [
      parsePath("data.mine"),
      parsePath("data.theirs"),
    ]);
    expect(inputs).toEqual({ data: { mine: "live", other: "input" } });
  });
});
