// The names of the fields that a schema has at a path, for suggestions. Pure; touches nothing.
import { z } from "zod";

/** Fields of the map (or of all alternative maps) that the schema expects at `path`; none where it expects none. */
export function fieldsAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  let candidates = unwrap(schema);
  for (const segment of path) candidates = candidates.flatMap((candidate) => step(candidate, segment));
  return candidates.flatMap((candidate) =>
    candidate instanceof z.ZodObject ? Object.keys(candidate.shape) : [],
  );
}

/** A schema without what wraps it (optional, default); of a union all alternatives. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.def.innerType);
  }
  if (schema instanceof z.ZodUnion) return schema.def.options.flatMap(unwrap);
  return [schema];
}

function step(schema: z.core.$ZodType, segment: PropertyKey): z.core.$ZodType[] {
  if (schema instanceof z.ZodArray) return unwrap(schema.def.element);
  if (schema instanceof z.ZodRecord) return unwrap(schema.def.valueType);
  if (schema instanceof z.ZodObject && typeof segment === "string" && Object.hasOwn(schema.shape, segment)) {
    return unwrap(schema.shape[segment]);
  }
  return [];
}
