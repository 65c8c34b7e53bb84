// One YAML document → one manifest, or what is wrong with it, said for people. Pure; touches nothing.
import type { z } from "zod";
import type { YamlDocument } from "./compose-yaml.ts";
import { API_VERSION, KINDS, type Kind } from "./names.ts";
import { formatPath, formatProblem, type Problem, quote } from "./problem.ts";
import { MANIFEST_SCHEMAS, type Manifest } from "./schema.ts";
import { fieldsAt } from "./schema-fields.ts";
import { suggest } from "./suggest.ts";

/** Checks one document. Where it is wrong, `manifest` is undefined and `kind` says what it was meant to be. */
export function checkManifest(document: YamlDocument): {
  manifest?: Manifest;
  kind?: Kind;
  problems: Problem[];
} {
  const { value } = document;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return {
      problems: [
        problemAt(document, [], "expected a manifest: a map with apiVersion, kind, metadata and spec"),
      ],
    };
  }
  const fields = value as Record<string, unknown>;
  const kind = KINDS.find((known) => known === fields.kind);
  if (kind === undefined) return { problems: [unknownKind(document, fields.kind)] };
  const result = MANIFEST_SCHEMAS[kind].safeParse(value);
  if (result.success) return { manifest: result.data, kind, problems: [] };
  return { kind, problems: result.error.issues.flatMap((issue) => describeIssue(document, kind, issue)) };
}

/**
 * What is wrong with a spec that a program wrote, in the words of manifests: `spec.mappings: unknown field; did you mean
 * "mapping"?`
 * @param issues of checking `spec` by the schema of the kind's spec
 */
export function describeSpecIssues(kind: Kind, spec: unknown, issues: readonly Issue[]): string[] {
  const document: YamlDocument = {
    file: "",
    line: 1,
    value: { spec },
    locate: () => ({ line: 1, column: 1 }),
  };
  return issues
    .flatMap((issue) => describeIssue(document, kind, { ...issue, path: ["spec", ...issue.path] }))
    .map((problem) => formatProblem(problem).replace(/^:1:1 /, ""));
}

function unknownKind(document: YamlDocument, kind: unknown): Problem {
  if (typeof kind !== "string") return problemAt(document, ["kind"], `expected one of ${KINDS.join(", ")}`);
  const problem = problemAt(
    document,
    ["kind"],
    `unknown kind ${quote(kind)}; expected one of ${KINDS.join(", ")}`,
  );
  const suggestion = suggest(kind, KINDS);
  return suggestion === undefined ? problem : { ...problem, suggestion };
}

type Issue = z.core.$ZodIssue;

function describeIssue(document: YamlDocument, kind: Kind, issue: Issue): Problem[] {
  const { path } = issue;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownField(document, kind, [...path, key]));
    case "invalid_key":
      return issue.issues.map((inner) => problemAt(document, path, inner.message, "key"));
    case "invalid_union":
      return describeUnion(document, kind, issue);
    case "invalid_type":
      return [problemAt(document, path, describeType(issue.expected, valueAt(document, path)))];
    case "invalid_value":
      return [describeChoice(document, path, issue.values.map(String))];
    case "too_small":
    case "too_big":
      return [problemAt(document, path, describeSize(issue))];
    default:
      return [problemAt(document, path, issue.message)];
  }
}

/** Fields that other kinds have, or that one expects from Kubernetes, and what they are called here. */
const CALLED: Partial<Record<Kind, Record<string, string>>> = {
  Device: {
    "spec.settings": "data",
    "spec.class": "deviceClassReference",
    "spec.deviceClass": "deviceClassReference",
  },
  DeviceClass: {
    "spec.mapping": "config.mapping",
    "spec.builder": "firmware.builder",
    "spec.data": "settings",
  },
  DeviceGroup: { "spec.data": "settings", "spec.matchLabels": "selector.matchLabels" },
  DevicesCluster: { "spec.data": "settings", "spec.broker": "mqtt.broker" },
};

function unknownField(document: YamlDocument, kind: Kind, path: PropertyKey[]): Problem {
  const field = String(path.at(-1));
  const problem = problemAt(document, path, "unknown field", "key");
  const called = CALLED[kind]?.[formatPath(path)];
  const suggestion = called ?? suggest(field, fieldsAt(MANIFEST_SCHEMAS[kind], path.slice(0, -1)));
  return suggestion === undefined ? problem : { ...problem, suggestion };
}

/** A value that fits none of several forms: a field that no form has is named, else what the schema says of it. */
function describeUnion(
  document: YamlDocument,
  kind: Kind,
  issue: Issue & { code: "invalid_union" },
): Problem[] {
  const value = valueAt(document, issue.path);
  const known = fieldsAt(MANIFEST_SCHEMAS[kind], issue.path);
  if (typeof value === "object" && value !== null && known.length > 0) {
    const unknown = Object.keys(value).filter((key) => !known.includes(key));
    if (unknown.length > 0) return unknown.map((key) => unknownField(document, kind, [...issue.path, key]));
  }
  if ("options" in issue && issue.options !== undefined) {
    return [describeChoice(document, issue.path, issue.options.map(String))];
  }
  return [problemAt(document, issue.path, issue.message)];
}

function describeChoice(document: YamlDocument, path: PropertyKey[], choices: string[]): Problem {
  const value = valueAt(document, path);
  const expected = choices.length === 1 ? quote(choices[0]!) : `one of ${choices.join(", ")}`;
  if (value === undefined) return problemAt(document, path, `is required: expected ${expected}`);
  if (path.at(-1) === "apiVersion" && path.length === 1) {
    return problemAt(document, path, `expected ${quote(API_VERSION)}, the only version there is`);
  }
  const problem = problemAt(document, path, `expected ${expected}`);
  const suggestion = typeof value === "string" ? suggest(value, choices) : undefined;
  return suggestion === undefined ? problem : { ...problem, suggestion };
}

const TYPE_NAMES: Record<string, string> = {
  string: "text",
  object: "a map",
  record: "a map",
  array: "a list",
  int: "a whole number",
  number: "a number",
  boolean: "true or false",
};

function describeType(expected: string, value: unknown): string {
  const name = TYPE_NAMES[expected] ?? expected;
  if (value === undefined) return `is required: expected ${name}`;
  if (value === null) return `is empty: expected ${name}; delete the field or give it a value`;
  if (expected === "string" && typeof value !== "object")
    return `expected text, not ${describe(value)}; quote it`;
  return `expected ${name}, not ${describe(value)}`;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return typeof value === "string" ? "text" : `the ${typeof value} ${String(value)}`;
}

function describeSize(issue: Issue & { code: "too_small" | "too_big" }): string {
  // the schema's own words, where it has some
  if (!issue.message.startsWith("Too ")) return issue.message;
  const limit = issue.code === "too_small" ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  const unit = issue.origin === "string" ? " characters" : issue.origin === "array" ? " entries" : "";
  return `must ${unit === "" ? "be" : "have"} ${limit}${unit}`;
}

function valueAt(document: YamlDocument, path: readonly PropertyKey[]): unknown {
  let value = document.value;
  for (const segment of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[segment];
  }
  return value;
}

/** A problem at a path of a document. */
export function problemAt(
  document: YamlDocument,
  path: readonly PropertyKey[],
  message: string,
  part: "key" | "value" = "value",
): Problem {
  return { file: document.file, ...document.locate(path, part), path: formatPath(path), message };
}
