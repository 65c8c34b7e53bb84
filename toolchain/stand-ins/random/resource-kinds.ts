// The four kinds that the stand-in makes: their inputs, defaults, outputs, ids, and how a value that
// already exists is imported. Pure but for the system's random numbers.
import { randomBytes, randomUUID } from "node:crypto";
import { VisibleError } from "../../../model/visible-error.ts";
import type { Properties, Value } from "../property-values.ts";
import { composePassword, type PasswordRules, passwordRuleProblems } from "./password.ts";

type Type = "boolean" | "number" | "string" | "map";

export interface CheckProblem {
  property: string;
  reason: string;
}

export interface Kind {
  /** Inputs and their types, in the order of the schema. */
  inputs: Record<string, Type>;
  required: string[];
  /** Outputs that are no inputs and unknown until made. */
  computed: string[];
  secretOutputs: string[];
  /** Version of the upstream schema, kept in the state as `__meta`. @default none, which means 0 */
  schemaVersion?: number;
  /** Fills in what the upstream schema defaults. */
  withDefaults(inputs: Properties): Properties;
  problems(inputs: Properties): CheckProblem[];
  create(inputs: Properties): Promise<Properties> | Properties;
  idOf(outputs: Properties): string;
  /** Outputs for an existing value. @throws VisibleError where the id is not of the kind's form */
  importFrom(id: string): Promise<Properties> | Properties;
  /** Inputs that reproduce an imported value. */
  importedInputs(outputs: Properties): Properties;
}

const none = (): CheckProblem[] => [];
const same = (inputs: Properties): Properties => inputs;

const bytes: Kind = {
  inputs: { keepers: "map", length: "number" },
  required: ["length"],
  computed: ["base64", "hex"],
  secretOutputs: ["base64", "hex"],
  withDefaults: same,
  problems: ({ length }) =>
    typeof length === "number" && length < 1
      ? [{ property: "length", reason: `must be at least 1, got ${length}` }]
      : [],
  create: (inputs) => ({ ...inputs, ...bytesOutputs(randomBytes(inputs.length as number)) }),
  idOf: (outputs) => outputs.base64 as string,
  importFrom: (id) => {
    const decoded = decodeBase64(id, "base64");
    return { length: decoded.length, ...bytesOutputs(decoded) };
  },
  importedInputs: ({ length }) => ({ length: length! }),
};

function bytesOutputs(value: Buffer): Properties {
  return { base64: value.toString("base64"), hex: value.toString("hex") };
}

const id: Kind = {
  inputs: { byteLength: "number", keepers: "map", prefix: "string" },
  required: ["byteLength"],
  computed: ["b64Std", "b64Url", "dec", "hex", "id"],
  secretOutputs: [],
  withDefaults: same,
  problems: ({ byteLength }) =>
    typeof byteLength === "number" && byteLength < 1
      ? [{ property: "byteLength", reason: `must be at least 1, got ${byteLength}` }]
      : [],
  create: (inputs) => ({
    ...inputs,
    ...idOutputs(randomBytes(inputs.byteLength as number), (inputs.prefix ?? "") as string),
  }),
  idOf: (outputs) => outputs.id as string,
  importFrom: (text) => {
    const comma = text.lastIndexOf(",");
    const prefix = comma < 0 ? "" : text.slice(0, comma);
    const decoded = decodeBase64(text.slice(comma + 1), "base64url");
    return { byteLength: decoded.length, ...(prefix && { prefix }), ...idOutputs(decoded, prefix) };
  },
  importedInputs: ({ byteLength, prefix }) => ({
    byteLength: byteLength!,
    ...(prefix !== undefined && { prefix }),
  }),
};

function idOutputs(value: Buffer, prefix: string): Properties {
  const hex = value.toString("hex");
  return {
    id: value.toString("base64url"),
    b64Url: prefix + value.toString("base64url"),
    b64Std: prefix + value.toString("base64"),
    hex: prefix + hex,
    dec: prefix + BigInt(`0x${hex || "0"}`).toString(),
  };
}

const SWITCHES = ["lower", "upper", "number", "numeric", "special"] as const;

const password: Kind = {
  inputs: {
    keepers: "map",
    length: "number",
    lower: "boolean",
    minLower: "number",
    minNumeric: "number",
    minSpecial: "number",
    minUpper: "number",
    number: "boolean",
    numeric: "boolean",
    overrideSpecial: "string",
    special: "boolean",
    upper: "boolean",
  },
  required: ["length"],
  computed: ["bcryptHash", "id", "result"],
  secretOutputs: ["bcryptHash", "result"],
  schemaVersion: 3,
  withDefaults: (inputs) => ({
    lower: true,
    special: true,
    upper: true,
    minLower: 0,
    minNumeric: 0,
    minSpecial: 0,
    minUpper: 0,
    ...inputs,
    // Two names for one switch; the deprecated one follows the other and the other way round.
    number: inputs.number ?? inputs.numeric ?? true,
    numeric: inputs.numeric ?? inputs.number ?? true,
  }),
  problems: (inputs) => {
    if (inputs.number !== undefined && inputs.numeric !== undefined && inputs.number !== inputs.numeric) {
      return [{ property: "number", reason: "is deprecated and differs from numeric; leave it out" }];
    }
    return passwordRuleProblems(rulesOf(password.withDefaults(inputs)));
  },
  create: async (inputs) => passwordOutputs(inputs, composePassword(rulesOf(inputs))),
  idOf: () => "none",
  importFrom: async (text) => {
    const inputs = password.withDefaults({ length: Buffer.byteLength(text) });
    return passwordOutputs(inputs, text);
  },
  importedInputs: (outputs) =>
    Object.fromEntries(["length", ...SWITCHES].map((name) => [name, outputs[name] as Value])),
};

function rulesOf(inputs: Properties): PasswordRules {
  return { overrideSpecial: "", ...inputs } as unknown as PasswordRules;
}

async function passwordOutputs(inputs: Properties, result: string): Promise<Properties> {
  const { hash, genSalt } = await import("bcryptjs");
  // Go's library, which the official plugin uses, writes the older of two names for the same algorithm.
  const salt = (await genSalt(10)).replace("$2b$", "$2a$");
  return { ...inputs, id: "none", result, bcryptHash: await hash(result, salt) };
}

const uuid: Kind = {
  inputs: { keepers: "map" },
  required: [],
  computed: ["id", "result"],
  secretOutputs: [],
  withDefaults: same,
  problems: none,
  create: (inputs) => {
    const result = randomUUID();
    return { ...inputs, id: result, result };
  },
  idOf: (outputs) => outputs.id as string,
  importFrom: (text) => {
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)) {
      throw new VisibleError("The id to import is not a UUID.");
    }
    return { id: text.toLowerCase(), result: text.toLowerCase() };
  },
  importedInputs: () => ({}),
};

function decodeBase64(text: string, encoding: "base64" | "base64url"): Buffer {
  const decoded = Buffer.from(text, encoding);
  if (text === "" || decoded.toString(encoding) !== text) {
    throw new VisibleError(`The id to import is not ${encoding}.`);
  }
  return decoded;
}

export const KINDS: Record<string, Kind> = {
  "random:index/randomBytes:RandomBytes": bytes,
  "random:index/randomId:RandomId": id,
  "random:index/randomPassword:RandomPassword": password,
  "random:index/randomUuid:RandomUuid": uuid,
};

/** Problems of presence and type, which come before a kind's own rules. */
export function typeProblems(kind: Kind, inputs: Properties): CheckProblem[] {
  const problems: CheckProblem[] = [];
  for (const name of kind.required) {
    if (inputs[name] === undefined || inputs[name] === null)
      problems.push({ property: name, reason: "is required" });
  }
  for (const [name, value] of Object.entries(inputs)) {
    const type = kind.inputs[name];
    if (type === undefined) problems.push({ property: name, reason: "is not a property of this resource" });
    else if (value !== null && !fits(value, type))
      problems.push({ property: name, reason: `must be a ${type}` });
  }
  return problems;
}

function fits(value: Value, type: Type): boolean {
  if (type === "map") {
    return (
      typeof value === "object" &&
      !Array.isArray(value) &&
      Object.values(value!).every((v) => v === null || typeof v !== "object")
    );
  }
  return type === "number" ? Number.isSafeInteger(value) : typeof value === type;
}
