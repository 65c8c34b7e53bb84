// Rules that a schema's own words cannot say, beside their checks in zod, for the API server: CEL under the key that
// Kubernetes reads. Pure. https://kubernetes.io/docs/reference/using-api/cel/

export interface CelRule {
  /** About `self`. */
  rule: string;
  message: string;
}

/** Metadata of a zod schema, which `custom-resources/` puts into the CRD. */
export function cel(...rules: [rule: string, message: string][]): { "x-kubernetes-validations": CelRule[] } {
  return { "x-kubernetes-validations": rules.map(([rule, message]) => ({ rule, message })) };
}

/** A list whose entries are told apart by these fields; no two may agree in them. */
export function listMap(...keys: string[]): Record<string, unknown> {
  return { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys };
}

/** `text` matches the pattern. RE2 reads our patterns as JavaScript does. */
export function celMatches(text: string, pattern: RegExp): string {
  return `${text}.matches(r'${pattern.source.replaceAll("'", "\\x27")}')`;
}

export function celText(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}

export function celList(texts: readonly string[]): string {
  return `[${texts.map(celText).join(", ")}]`;
}

/** A field of a map, or what it is where it isn't there. */
export function celField(of: string, field: string, otherwise: string): string {
  return `(has(${of}.${field}) ? ${of}.${field} : ${otherwise})`;
}

/** No two of these expressions are equal. */
export function celDistinct(expressions: readonly string[]): string {
  const pairs = expressions.flatMap((one, index) =>
    expressions.slice(index + 1).map((other) => `${one} != ${other}`),
  );
  return pairs.join(" && ");
}

/** The same rules about another place than `self`, for a policy that sees the whole object. */
export function celAbout(
  place: string,
  rules: readonly [rule: string, message: string][],
): [rule: string, message: string][] {
  return rules.map(([rule, message]) => [rule.replaceAll(/\bself\b/g, place), message]);
}
