// From the JSON Schema of zod to one that Kubernetes takes: structural, every text, list and map bounded. Pure.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import { z } from "zod";

export interface JsonSchema {
  type?: string;
  description?: string;
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  not?: JsonSchema;
  $ref?: string;
  definitions?: Record<string, JsonSchema>;
  [keyword: string]: unknown;
}

/** Keywords that mean the same to Kubernetes. */
const KEPT = [
  ...["type", "description", "required", "enum", "pattern", "format"],
  ...["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"],
  ...["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  ...["x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"],
] as const;

/** What is of no single type: Kubernetes keeps it as it is; an admission policy checks it. */
const OPEN = { "x-kubernetes-preserve-unknown-fields": true } as const;

/**
 * Defaults go into descriptions and not into the schema: an object in the cluster stays what a person wrote, and the
 * program fills them in.
 */
export function structuralSchema(schema: z.ZodType): JsonSchema {
  const json = z.toJSONSchema(schema, { target: "openapi-3.0", io: "input", reused: "inline" }) as JsonSchema;
  return convert(json, json.definitions ?? {});
}

function convert(schema: JsonSchema, definitions: Record<string, JsonSchema>): JsonSchema {
  const resolved = resolve(schema, definitions);
  const described = withDefault(resolved);
  const alternatives = resolved.anyOf ?? resolved.oneOf;
  if (alternatives) return { ...described, ...union(alternatives, definitions) };
  const kept = Object.fromEntries(
    KEPT.filter((key) => resolved[key] !== undefined).map((key) => [key, resolved[key]]),
  );
  const { properties, items, additionalProperties, patterns } = resolved as JsonSchema & {
    patterns?: string[];
  };
  return {
    ...kept,
    ...described,
    ...(patterns && { allOf: patterns.map((pattern) => ({ pattern })) }),
    ...(properties && { properties: mapValues(properties, (value) => convert(value, definitions)) }),
    ...(items && { items: convert(items, definitions) }),
    ...(!properties && typeof additionalProperties === "object" && mapOf(additionalProperties, definitions)),
  };
}

function mapOf(value: JsonSchema, definitions: Record<string, JsonSchema>): JsonSchema {
  const converted = convert(value, definitions);
  const isJson = value.$ref?.includes("__schema") === true;
  return isJson ? { ...OPEN } : { additionalProperties: converted };
}

/** A reference's words count where the schema itself has none. */
function resolve(schema: JsonSchema, definitions: Record<string, JsonSchema>): JsonSchema {
  const { $ref, allOf, ...own } = schema;
  if (allOf) return merge([own, ...allOf.map((each) => resolve(each, definitions))]);
  if ($ref === undefined) return own;
  const name = $ref.split("/").at(-1)!;
  const target = definitions[name];
  if (!target) throw new Error(`${$ref} refers to nothing`);
  return { ...resolve(target, definitions), ...own };
}

/** All have to hold: of what they say twice the first counts, but for patterns and rules, which add up. */
function merge(schemas: JsonSchema[]): JsonSchema {
  const patterns = [...new Set(schemas.flatMap(({ pattern }) => pattern ?? []))];
  const rules = schemas.flatMap(
    (schema) => (schema["x-kubernetes-validations"] as unknown[] | undefined) ?? [],
  );
  const unique = [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
  const { pattern: _, ...merged } = Object.assign({}, ...schemas.toReversed()) as JsonSchema;
  return {
    ...merged,
    ...(patterns.length === 1 && { pattern: patterns[0] }),
    ...(patterns.length > 1 && { patterns }),
    ...(unique.length > 0 && { "x-kubernetes-validations": unique }),
  };
}

/** Maps of which one has to fit become one map of all their fields, and conditions on which may be there. */
function union(alternatives: JsonSchema[], definitions: Record<string, JsonSchema>): JsonSchema {
  const resolved = alternatives.map((each) => resolve(each, definitions));
  if (!resolved.every(({ type, properties }) => type === "object" && properties)) return { ...OPEN };
  const fields: Record<string, JsonSchema> = {};
  for (const { properties } of resolved) {
    for (const [name, schema] of Object.entries(properties!)) {
      const converted = convert(schema, definitions);
      fields[name] = fields[name] ? eitherOf(name, fields[name], converted) : converted;
    }
  }
  const required = Object.keys(fields).filter((name) =>
    resolved.every((each) => each.required?.includes(name)),
  );
  return {
    type: "object",
    properties: fields,
    ...(required.length > 0 && { required }),
    anyOf: resolved.map((each) => condition(convert(each, definitions), fields)),
  };
}

/**
 * What tells one alternative from the others: which fields it has, and what is in them.
 * Without a type or a description: Kubernetes takes none inside of anyOf.
 */
function condition(
  { properties = {}, required = [] }: JsonSchema,
  all: Record<string, JsonSchema>,
): JsonSchema {
  const inside = Object.entries(properties)
    .map(([name, own]): [string, JsonSchema] => {
      const merged = all[name]!;
      if (own.enum) return [name, { enum: own.enum }];
      const differs = JSON.stringify(own.properties) !== JSON.stringify(merged.properties);
      return [name, differs ? condition(own, merged.properties!) : {}];
    })
    .filter(([, schema]) => Object.keys(schema).length > 0);
  const absent = Object.keys(all).filter((name) => !Object.hasOwn(properties, name));
  return {
    ...(required.length > 0 && { required }),
    ...(inside.length > 0 && { properties: Object.fromEntries(inside) }),
    ...(absent.length > 0 && { not: { anyOf: absent.map((name) => ({ required: [name] })) } }),
  };
}

/** The field of two alternatives: what either takes. */
function eitherOf(name: string, one: JsonSchema, other: JsonSchema): JsonSchema {
  const descriptions = [...new Set([one.description, other.description].filter(Boolean))];
  const description = descriptions.length > 0 && { description: descriptions.join(" ") };
  const words = one.enum && other.enum && { enum: [...new Set([...one.enum, ...other.enum])] };
  const bare = ({ enum: _enum, description: _description, ...rest }: JsonSchema) => JSON.stringify(rest);
  if (bare(one) === bare(other)) return { ...one, ...words, ...description };
  if (!one.properties || !other.properties) throw new Error(`the alternatives disagree on what "${name}" is`);
  const properties = { ...one.properties };
  for (const [field, schema] of Object.entries(other.properties)) {
    properties[field] = properties[field] ? eitherOf(field, properties[field], schema) : schema;
  }
  const required = one.required?.filter((field) => other.required?.includes(field)) ?? [];
  const { required: _, ...rest } = one;
  return { ...rest, ...description, properties, ...(required.length > 0 && { required }) };
}

function withDefault({ description, default: value }: JsonSchema): JsonSchema {
  const empty =
    value === undefined || (typeof value === "object" && Object.keys(value as object).length === 0);
  const words = [description, ...(empty ? [] : [`Default ${JSON.stringify(value)}.`])].filter(Boolean);
  return words.length === 0 ? {} : { description: words.join(" ") };
}

function mapValues<V, W>(map: Record<string, V>, change: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
