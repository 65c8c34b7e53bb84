// The JSON Schema of manifests, for editors: one schema for the four kinds, chosen by `kind`. Pure; touches nothing.
import { z } from "zod";
import { KINDS } from "./names.ts";
import { MANIFEST_SCHEMAS } from "./schema.ts";

/** Draft 7, the newest that the usual YAML editors support in full. */
export function manifestJsonSchema(): Record<string, unknown> {
  const any = z.discriminatedUnion("kind", [
    MANIFEST_SCHEMAS.DevicesCluster,
    MANIFEST_SCHEMAS.DeviceClass,
    MANIFEST_SCHEMAS.DeviceGroup,
    MANIFEST_SCHEMAS.Device,
  ]);
  const json = z.toJSONSchema(any, {
    target: "draft-7",
    io: "input",
    reused: "inline",
    unrepresentable: "throw",
  });
  const { oneOf, anyOf, $schema, definitions, ...rest } = withoutKubernetesWords(json);
  const schemas = (oneOf ?? anyOf)!;
  return {
    $schema,
    title: "Edgeflock manifest",
    description: "DevicesCluster, DeviceClass, DeviceGroup or Device of Edgeflock.",
    type: "object",
    required: ["apiVersion", "kind", "metadata", "spec"],
    properties: { kind: { enum: [...KINDS] } },
    // one "if" for each kind, so that an editor reports what is wrong within the kind and not "matches none"
    allOf: KINDS.map((kind, index) => ({
      if: { properties: { kind: { const: kind } }, required: ["kind"] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: schemas[index],
    })),
    definitions,
    ...rest,
  };
}

/** The schema as a file's text: lists of words on one line where they fit. */
export function manifestJsonSchemaText(): string {
  const text = JSON.stringify(manifestJsonSchema(), undefined, 2);
  const compact = text.replace(
    /^( *.*)\[\n\s+([^[\]{}]*?)\n\s+\](,?)$/gm,
    (expanded, before, words, after) => {
      const line = `${before}[${words.replace(/\s*\n\s+/g, " ")}]${after}`;
      return line.length <= 110 ? line : expanded;
    },
  );
  return `${compact}\n`;
}

/** No editor knows them. */
function withoutKubernetesWords<S>(schema: S): S {
  const known = (key: string, value: unknown) => (key.startsWith("x-kubernetes-") ? undefined : value);
  return JSON.parse(JSON.stringify(schema, known)) as S;
}
