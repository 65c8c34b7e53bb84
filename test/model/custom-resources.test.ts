import { describe, expect, it } from "vitest";
import { admissionObjects, POLICIES } from "../../model/custom-resources/admission-policies.ts";
import { customResourceDefinitions, KIND_FACTS } from "../../model/custom-resources/definitions.ts";
import { NAMED_SECRETS } from "../../model/custom-resources/secret-references.ts";
import type { JsonSchema } from "../../model/custom-resources/structural-schema.ts";
import { KINDS } from "../../model/names.ts";

type Versions = { versions: [{ schema: { openAPIV3Schema: JsonSchema } }] };
const schemas = customResourceDefinitions().map(
  ({ metadata, spec }) => [metadata.name, (spec as Versions).versions[0].schema.openAPIV3Schema] as const,
);

/** Every schema below one, with its path. */
function* below(schema: JsonSchema, at: string): Generator<[at: string, schema: JsonSchema]> {
  yield [at, schema];
  for (const [name, each] of Object.entries(schema.properties ?? {})) yield* below(each, `${at}.${name}`);
  if (schema.items) yield* below(schema.items, `${at}[]`);
  if (typeof schema.additionalProperties === "object") yield* below(schema.additionalProperties, `${at}.*`);
}

describe("the CustomResourceDefinitions", () => {
  it("bound every text, list and map, so that rules have a bounded cost", () => {
    const unbounded = schemas.flatMap(([name, { properties }]) =>
      [...below(properties!.spec!, `${name}.spec`), ...below(properties!.status!, `${name}.status`)]
        .filter(([, schema]) => !schema.enum)
        .filter(
          ([, schema]) =>
            (schema.type === "string" && schema.maxLength === undefined) ||
            (schema.type === "array" && schema.maxItems === undefined) ||
            (typeof schema.additionalProperties === "object" && schema.maxProperties === undefined),
        )
        .map(([at]) => at),
    );
    expect(unbounded).toEqual([]);
  });

  it("are structural: a type for every field but those that a policy checks", () => {
    const open = schemas.flatMap(([name, { properties }]) =>
      [...below(properties!.spec!, name)]
        .filter(([, schema]) => schema["x-kubernetes-preserve-unknown-fields"])
        .map(([at]) => at),
    );
    expect(open).toEqual([
      "devicesclusters.edgeflock.io.settings.*",
      "devicesclusters.edgeflock.io.mqtt.broker.admin.username",
      "deviceclasses.edgeflock.io.firmware.builder.args",
      "deviceclasses.edgeflock.io.config.builder.args",
      "deviceclasses.edgeflock.io.settings.*",
      "devicegroups.edgeflock.io.settings.*",
      "devices.edgeflock.io.data.*",
    ]);
  });

  it("have no defaults: an object in the cluster stays what a person wrote", () => {
    expect(JSON.stringify(schemas)).not.toContain('"default"');
  });
});

describe("the admission policies", () => {
  it("have each a binding of the same name that denies", () => {
    const objects = admissionObjects();
    expect(objects).toHaveLength(2 * POLICIES.length);
    for (const { kind, metadata, spec } of objects) {
      if (kind !== "ValidatingAdmissionPolicyBinding") continue;
      expect(spec).toMatchObject({ policyName: metadata.name, validationActions: ["Deny"] });
    }
  });
});

describe("the policies of secret references", () => {
  /** The place that a schema names a Secret in; sources beside a plain text have no schema. */
  const placesIn = (spec: JsonSchema) =>
    [...below(spec, "")]
      .filter(
        ([at, { properties = {}, description }]) =>
          "fromSecret" in properties ||
          (/secret$/i.test(at) && !at.endsWith(".fromSecret") && "name" in properties) ||
          /where that comes from/.test(description ?? ""),
      )
      .map(([at]) => at.slice(1));
  const covers = (path: string, place: string) => {
    const [known, found] = [path.split("."), place.split(".")];
    return (
      known.length === found.length && known.every((part, index) => part === "*" || part === found[index])
    );
  };

  it.each(KINDS)("know every place of a %s that names a Secret", (kind) => {
    const [, { properties }] = schemas.find(([name]) => name.startsWith(`${KIND_FACTS[kind].plural}.`))!;
    const places = placesIn(properties!.spec!).filter(
      (place) => kind !== "DeviceGroup" || place !== "secret",
    );
    const known = NAMED_SECRETS[kind];
    expect(places.length).toBeGreaterThan(0);
    expect(places.filter((place) => !known.some((path) => covers(path, place)))).toEqual([]);
    expect(known.filter((path) => !places.some((place) => covers(path, place)))).toEqual([]);
  });
});
