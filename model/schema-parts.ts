// Parts that the schemas of the four kinds share: metadata, settings, secrets, mapping, selector. Pure; touches nothing.
// Every text, list and map is bounded, so that the same source can become CRDs whose rules have a bounded cost.
import { z } from "zod";
import { DNS_LABEL, type Kind, nameMax } from "./names.ts";
import { NVS_NAME_MAX, NVS_STRING_MAX, NVS_TYPES } from "./nvs-type.ts";

/** Longest key of a setting, in characters. */
export const SETTING_KEY_MAX = 63;
const SETTING_KEY = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
/** A label's value, or the part of its key after the prefix. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ */
const LABEL_NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const LABEL_KEY = /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const MAX_ENTRIES = 500;

const CONTROL_CHARACTERS = /(?![\t\n])\p{Cc}/u;

/** Text without control characters other than tab and line feed. */
export function plainText(max: number) {
  return z
    .string()
    .max(max)
    .refine((text) => !CONTROL_CHARACTERS.test(text), "must not contain control characters")
    .refine((text) => text.isWellFormed(), "must be well-formed Unicode");
}

export function dnsLabel(max: number) {
  return z
    .string()
    .max(max, `must have at most ${max} characters`)
    .regex(DNS_LABEL, 'must be a DNS label: a-z, 0-9 and "-", beginning and ending with a letter or digit');
}

export const settingKey = z
  .string()
  .max(SETTING_KEY_MAX, `a setting's key has at most ${SETTING_KEY_MAX} characters`)
  .regex(SETTING_KEY, 'a setting\'s key is made of letters, digits, "_" and "-", with single dots between')
  .refine((key) => !(key in {}), "is a word that JavaScript keeps for itself")
  .refine(
    (key) => !/^(mqtt|edgeflock)\./.test(key),
    'settings that begin with "mqtt." or "edgeflock." are Edgeflock\'s own',
  );

export const plainValue = z.union(
  [
    plainText(NVS_STRING_MAX * 4),
    z.number().refine((value) => !Number.isInteger(value) || Number.isSafeInteger(value), {
      error:
        "is too large to be exact; write it in quotes and give the setting the type u64 or i64 in a mapping",
    }),
    z.boolean(),
  ],
  { error: (issue) => describePlainValue(issue.input) },
);

function describePlainValue(input: unknown): string {
  if (Array.isArray(input)) return "expected text, a number or true/false, not a list";
  if (typeof input === "object" && input !== null) {
    const source = ["fromConfig", "fromEnv", "fromSecret", "random"].find((key) => Object.hasOwn(input, key));
    if (source) return `expected a plain value; a source such as ${source} belongs under "secrets"`;
    return "expected text, a number or true/false, not a map";
  }
  return "expected text without control characters, a number or true/false";
}

export const settings = z.record(settingKey, plainValue).meta({
  title: "Settings",
  description:
    "Plain settings. `a.b` goes to NVS namespace `a`, key `b`, unless a mapping says otherwise; a key without a dot reaches the image only by a mapping.",
});

const environmentName = z
  .string()
  .max(200)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of an environment variable");
const configKey = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, "must be a key of `pulumi config`, without the project's prefix");
export const secretKey = z
  .string()
  .max(253)
  .regex(/^[A-Za-z0-9_.-]+$/, 'a key of a Secret is made of letters, digits, ".", "_" and "-"')
  .refine((key) => key !== "." && !key.startsWith(".."), 'must not be "." nor begin with ".."');

/** What a secret may be taken from. */
export const SECRET_SOURCES = ["fromConfig", "fromEnv", "fromSecret", "random"] as const;

const fromConfig = z.strictObject({
  fromConfig: configKey.describe("A secret of `pulumi config set --secret KEY`."),
});
const fromEnv = z.strictObject({
  fromEnv: environmentName.describe("An environment variable of whoever runs `pulumi up`."),
});
const fromSecret = z.strictObject({
  fromSecret: z
    .strictObject({
      name: z
        .string()
        .max(253)
        .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/),
      key: secretKey,
    })
    .describe("A key of a Kubernetes Secret that exists in the cluster's namespace."),
});

export const secretSource = z
  .union(
    [
      fromConfig,
      fromEnv,
      fromSecret,
      z.strictObject({
        random: z
          .strictObject({ length: z.int().min(8).max(128).describe("Number of characters.") })
          .describe("Generated once and kept in Pulumi's state."),
      }),
    ],
    { error: (issue) => describeSecretSource(issue.input) },
  )
  .meta({ id: "SecretSource", description: "Where a secret comes from; never the secret itself." });

/** Of something that another system has set: nothing that could be made up here. */
export const credentialSource = z
  .union([fromConfig, fromEnv, fromSecret], {
    error: (issue) => describeSecretSource(issue.input, THREE_WAYS),
  })
  .meta({
    id: "CredentialSource",
    description: "Where a credential comes from; never the credential itself.",
  });

const THREE_WAYS = "{ fromConfig: KEY }, { fromEnv: VARIABLE } or { fromSecret: { name: NAME, key: KEY } }";
const FOUR_WAYS =
  "{ fromConfig: KEY }, { fromEnv: VARIABLE }, { fromSecret: { name: NAME, key: KEY } } or { random: { length: 24 } }";

/** Says what is wrong with a secret's source. The input may be a secret, so it is never part of the message. */
function describeSecretSource(input: unknown, ways = FOUR_WAYS): string {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return `a secret is never written into a manifest; take it from ${ways}`;
  }
  return `expected exactly one source: ${ways}`;
}

export const secrets = z
  .record(settingKey, secretSource)
  .meta({ title: "Secrets", description: "Secret settings: their keys and where each value comes from." });

const nvsName = z
  .string()
  .min(1)
  .max(NVS_NAME_MAX, `NVS allows at most ${NVS_NAME_MAX} characters`)
  .regex(/^[A-Za-z0-9_.-]+$/, 'is made of letters, digits, ".", "_" and "-"');

export const mappingEntry = z
  .strictObject({
    setting: settingKey.describe("Key of the setting."),
    namespace: nvsName
      .describe("NVS namespace; default: what stands before the setting's first dot.")
      .optional(),
    key: nvsName.describe("NVS key; default: what stands after the setting's first dot.").optional(),
    type: z
      .enum(NVS_TYPES)
      .describe("NVS type; default: by the value (text string, integer i32, true/false u8).")
      .optional(),
    secretKey: secretKey
      .describe("Put the value under this key of the device's Kubernetes Secret too.")
      .optional(),
  })
  .meta({ id: "MappingEntry", description: "Where a setting goes." });

export const mapping = z.array(mappingEntry).max(MAX_ENTRIES).meta({
  title: "Mapping",
  description: "Where settings go; a device's entry replaces the class's entry for the same setting.",
});

export const labelKey = z
  .string()
  .max(317)
  .regex(LABEL_KEY, "must be a label's key, such as hall or example.com/hall");
export const labelValue = z
  .string()
  .max(63, "a label's value has at most 63 characters")
  .refine(
    (text) => text === "" || LABEL_NAME.test(text),
    'a label\'s value is made of letters, digits, "-", "_" and ".", and begins and ends with a letter or digit',
  );

const labels = z.record(
  labelKey.refine(
    (key) => !/^([a-z0-9.-]+\.)?edgeflock\.io\//.test(key),
    "labels of edgeflock.io are set by Edgeflock itself",
  ),
  labelValue,
);

const expression = z
  .strictObject({
    key: labelKey,
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: z.array(labelValue).min(1).max(MAX_ENTRIES).optional(),
  })
  .superRefine(({ operator, values }, context) => {
    const takesValues = operator === "In" || operator === "NotIn";
    if (takesValues && values === undefined) {
      context.addIssue({ code: "custom", path: ["values"], message: `${operator} needs a list of values` });
    }
    if (!takesValues && values !== undefined) {
      context.addIssue({ code: "custom", path: ["values"], message: `${operator} takes no values` });
    }
  });

export const selector = z
  .strictObject({
    matchLabels: z.record(labelKey, labelValue).optional(),
    matchExpressions: z.array(expression).max(MAX_ENTRIES).optional(),
  })
  .meta({
    id: "Selector",
    description: "Picks devices by their labels, as Kubernetes does; an empty selector picks every device.",
  });

/** `metadata` of one kind: the name is short enough for every object made from it. */
export function metadata(kind: Kind) {
  return z
    .strictObject({
      name: dnsLabel(nameMax(kind)).describe(`Name, unique among the ${kind} manifests of the stack.`),
      namespace: dnsLabel(63)
        .refine(() => kind !== "DevicesCluster", {
          error: "a DevicesCluster stands in no namespace; spec.namespace names the one that it creates",
        })
        .describe(
          "The `spec.namespace` of the DevicesCluster it belongs to; may be left out where the stack has one.",
        )
        .optional(),
      labels: labels.optional(),
      annotations: z.record(labelKey, plainText(10_000)).optional(),
    })
    .meta({ title: "Metadata" });
}
