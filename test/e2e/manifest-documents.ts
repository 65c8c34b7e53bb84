// Documents of the four kinds for tests: made from the schemas themselves, so that a new field is covered at once, and then
// half of them changed in one place, where what is right borders on what is wrong.
import fc from "fast-check";
import { z } from "zod";
import type { JsonSchema } from "../../model/custom-resources/structural-schema.ts";
import { API_VERSION, type Kind } from "../../model/names.ts";
import { MANIFEST_SCHEMAS } from "../../model/schema.ts";

export interface Document {
  apiVersion: string;
  kind: Kind;
  metadata: { name: string; labels?: Record<string, string> };
  spec: Record<string, unknown>;
}

const PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/** What somewhere means something else. */
const STRINGS = [
  ...[
    "",
    " ",
    "-a",
    "a-",
    "A",
    "a_b",
    "a.b",
    "é",
    "😀",
    "a\tb",
    "a\nb",
    "a\u0000b",
    "a\u007fb",
    "a\u0085b",
    "'",
    '"',
    "\\",
  ],
  ...[
    "default",
    "kube-x",
    "kube",
    "..",
    "...",
    ".",
    "../a",
    "/a",
    "a/../b",
    "a/b",
    "a//b",
    "a/b/c",
    "http://a.example",
  ],
  ...[
    "https://a.example",
    "mqtt.a",
    "edgeflock.a",
    "edgeflock.io/x",
    "x.edgeflock.io/y",
    "constructor",
    "toString",
  ],
  ...["hasOwnProperty", "a-device", "a-flash", "a-board", "x-broker-1", "ota_0", "nvs", "_internal", "::1"],
  ...[
    "1.2.3.4",
    "hmac",
    "flash",
    "esp32",
    "esp32c3",
    "In",
    "Exists",
    "external",
    "mosquitto",
    PEM,
    "a.b.c",
    "a..b/c",
    "a.b/c",
  ],
];
const LENGTHS = [
  14, 15, 16, 17, 32, 33, 47, 48, 50, 51, 52, 55, 56, 57, 63, 64, 100, 101, 127, 128, 129, 200, 201, 253, 254,
];
const NUMBERS = [
  0, -1, 1, 2, 1.5, 7, 8, 128, 129, 500, 1000001, 65535, 65536, 4096, 12288, 12289, 24576, 524288, 528384,
];
const BIG = [2 ** 31, 2 ** 53 - 1, 2 ** 53, -(2 ** 53 - 1), -(2 ** 53), 1e21, -1e300, 1e-7];

const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...STRINGS, ...NUMBERS, ...BIG, true, false, [], {}),
  fc
    .tuple(fc.constantFrom("a", "é", "😀", "A1."), fc.constantFrom(...LENGTHS))
    .map(([of, n]) => of.repeat(n).slice(0, n)),
  fc.tuple(fc.constantFrom("é", "😀"), fc.constantFrom(...LENGTHS)).map(([of, n]) => of.repeat(n)),
  fc.constantFrom("random", "fromEnv", "fromConfig", "fromSecret").map((key) => ({ [key]: "A" })),
);

export function documents(kind: Kind): fc.Arbitrary<Document> {
  const schema = z.toJSONSchema(MANIFEST_SCHEMAS[kind], {
    target: "openapi-3.0",
    io: "input",
    reused: "inline",
  }) as JsonSchema;
  const definitions = schema.definitions ?? {};
  const { name, labels } = schema.properties!.metadata!.properties!;
  const document = fc.record({
    apiVersion: fc.constant(API_VERSION),
    kind: fc.constant(kind),
    metadata: fc.record(
      { name: of(name!, definitions), labels: of(labels!, definitions) as fc.Arbitrary<never> },
      { requiredKeys: ["name"] },
    ),
    spec: of(schema.properties!.spec!, definitions),
  }) as fc.Arbitrary<Document>;
  const changed = fc
    .tuple(document, fc.nat(), fc.nat(3), strange, fc.constantFrom(...STRINGS))
    .map(([whole, where, how, value, key]) => change(whole, where, how, value, key));
  return fc.oneof(
    document.map((whole) => repaired(kind, whole)),
    changed,
    changed.map((whole) => repaired(kind, whole)),
  );
}

function of(schema: JsonSchema, definitions: Record<string, JsonSchema>): fc.Arbitrary<unknown> {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1)!;
    return name.startsWith("__schema")
      ? fc.jsonValue({ maxDepth: 2, noUnicodeString: true }).map((value) => JSON.parse(JSON.stringify(value)))
      : of(definitions[name]!, definitions);
  }
  if (schema.allOf && !schema.type) return of(schema.allOf[0]!, definitions);
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return fc.oneof(...alternatives.map((each) => of(each, definitions)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case "object":
      return ofMap(schema, definitions);
    case "array": {
      const { minItems = 0, items } = schema as { minItems?: number; items: JsonSchema };
      return fc.array(of(items, definitions), { minLength: minItems, maxLength: Math.max(minItems, 2) });
    }
    case "string":
      return ofText(schema);
    case "integer": {
      const { minimum, maximum, multipleOf = 1 } = schema as Record<string, number | undefined>;
      return fc
        .integer({
          min: Math.ceil((minimum ?? -1e6) / multipleOf),
          max: Math.floor((maximum ?? 1e6) / multipleOf),
        })
        .map((value) => value * multipleOf);
    }
    case "number":
      return fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }));
    case "boolean":
      return fc.boolean();
    default:
      throw new Error(`no documents for ${JSON.stringify(schema)}`);
  }
}

function ofMap(schema: JsonSchema, definitions: Record<string, JsonSchema>): fc.Arbitrary<unknown> {
  if (!schema.properties) {
    const key = fc.stringMatching(/^[a-z]{1,6}(\.[a-z]{1,6})?$/);
    return fc.dictionary(key, of(schema.additionalProperties as JsonSchema, definitions), { maxKeys: 3 });
  }
  const fields = Object.entries(schema.properties).map(
    ([name, each]) => [name, of(each, definitions)] as const,
  );
  return fc.record(Object.fromEntries(fields), {
    requiredKeys: schema.required ?? [],
    noNullPrototype: true,
  });
}

function ofText(schema: JsonSchema): fc.Arbitrary<string> {
  const { minLength = 0, maxLength = 20 } = schema as { minLength?: number; maxLength?: number };
  const pattern = (schema.pattern ?? schema.allOf?.at(-1)?.pattern) as string | undefined;
  if (pattern?.includes("CERTIFICATE")) return fc.constant(PEM);
  if (pattern?.startsWith("^https?") || pattern?.startsWith("^[a-z][a-z0-9+.-]"))
    return fc.constantFrom("https://a.example", "http://[::1]:8086/x", "https://b:1/");
  if (schema.format === "uri")
    return fc.constantFrom("https://a.example:1", "mqtts://a.example", "http://a.example");
  if (pattern === undefined || /\\p|\\P/.test(pattern)) {
    return fc.oneof(
      fc.string({ minLength, maxLength: Math.min(maxLength, 20) }),
      fc.string({ minLength, maxLength: Math.min(maxLength, 20), unit: "binary" }),
      fc.constantFrom("mqtt.example", "10.0.0.1", "::1"),
    );
  }
  return fc
    .stringMatching(new RegExp(pattern), { size: "small" })
    .filter((text) => text.length >= minLength && text.length <= maxLength);
}

/** Without what zod complains of, so that there are enough that are right. */
function repaired(kind: Kind, whole: Document): Document {
  const copy = structuredClone(whole);
  for (let round = 0; round < 8; round++) {
    const issue = MANIFEST_SCHEMAS[kind].safeParse(copy).error?.issues[0];
    if (!issue) break;
    const path = issue.path.filter((_, index) => index < issue.path.length - (round > 3 ? round - 3 : 0));
    if (path.length < 2) break;
    let holder = copy as unknown as Record<PropertyKey, never>;
    for (const step of path.slice(0, -1)) holder = holder?.[step] ?? ({} as never);
    if (Array.isArray(holder)) holder.splice(path.at(-1) as number, 1);
    else delete holder[path.at(-1)!];
  }
  return copy;
}

/** Changes one place of the document below `spec` or `metadata`: its value, its key, or whether it is there at all. */
function change(whole: Document, where: number, how: number, value: unknown, key: string): Document {
  const copy = structuredClone(whole);
  const places: { holder: Record<string, unknown> | unknown[]; key: string | number }[] = [];
  const visit = (holder: unknown) => {
    if (typeof holder !== "object" || holder === null) return;
    for (const each of Array.isArray(holder) ? holder.keys() : Object.keys(holder)) {
      places.push({ holder: holder as never, key: each });
      visit((holder as Record<string | number, unknown>)[each]);
    }
  };
  visit(copy.spec);
  places.push({ holder: copy.metadata, key: "name" });
  if (copy.metadata.labels) visit(copy.metadata.labels);
  const place = places[where % places.length]!;
  const { holder } = place;
  if (Array.isArray(holder)) {
    const index = place.key as number;
    if (how === 0) holder.splice(index, 1);
    else if (how === 1) holder.push(structuredClone(holder[index]));
    else holder[index] = value;
    return copy;
  }
  const name = place.key as string;
  const set = (field: string, what: unknown) =>
    Object.defineProperty(holder, field, {
      value: what,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  if (how === 0 && name !== "name") delete holder[name];
  else if (how === 1 && holder !== copy.metadata) set(key, holder[name]);
  else if (holder === copy.metadata && typeof value !== "string") set(name, key);
  else set(name, value);
  return copy;
}
