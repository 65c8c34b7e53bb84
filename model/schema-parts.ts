// Parts that the schemas of the four kinds share: metadata, settings, secrets, mapping, selector. Pure; touches nothing.
// Every text, list and map is bounded, so that the same source can become CRDs whose rules have a bounded cost.
import { z } from "zod";
import { cel, celList, celMatches } from "./cel.ts";
import { type Kind, nameMax } from "./names.ts";
import { NVS_NAME_MAX, NVS_STRING_MAX, NVS_TYPES } from "./nvs-type.ts";
import { dnsLabel, plainText, WITHOUT_CONTROL_CHARACTERS } from "./schema-text.ts";

/** Longest key of a setting, in characters. */
export const SETTING_KEY_MAX = 63;
const SETTING_KEY = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
/** A label's value, or the part of its key after the prefix. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ */
const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/;
const LABEL_KEY =
  /^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
/** Longest prefix of a label's key, a DNS subdomain. */
const LABEL_PREFIX_MAX = 253;
const MAX_ENTRIES = 500;

/** A map with at most so many entries. */
export function boundedRecord<K extends z.ZodType<string, string>, V extends z.ZodType>(
  key: K,
  value: V,
  max: number = MAX_ENTRIES,
) {
  return z
    .record(key, value)
    .refine((map) => Object.keys(map).length <= max, `must have at most ${max} entries`)
    .meta({ maxProperties: max });
}

const SETTING_KEY_SPELLING =
  'a setting\'s key is made of letters, digits, "_" and "-", with single dots between';
const KEPT_WORD = "is a word that JavaScript keeps for itself";
const KEPT_WORDS = Object.getOwnPropertyNames(Object.prototype);
const OWN_SETTINGS = /^(mqtt|edgeflock)\./;
const OWN_SETTING = 'settings that begin with "mqtt." or "edgeflock." are Edgeflock\'s own';

export const settingKey = z
  .string()
  .max(SETTING_KEY_MAX, `a setting's key has at most ${SETTING_KEY_MAX} characters`)
  .regex(SETTING_KEY, SETTING_KEY_SPELLING)
  .refine((key) => !(key in {}), KEPT_WORD)
  .refine((key) => !OWN_SETTINGS.test(key), OWN_SETTING)
  .meta(
    cel(
      [`!(self in ${celList(KEPT_WORDS)})`, KEPT_WORD],
      [`!${celMatches("self", OWN_SETTINGS)}`, OWN_SETTING],
    ),
  );

/** Of the keys of a map: what `settingKey` says, as rules about the map `of`. */
export function settingKeyRules(of: string): [rule: string, message: string][] {
  const all = (condition: string) => `${of}.all(key, ${condition})`;
  return [
    [all(`size(key) <= ${SETTING_KEY_MAX} && ${celMatches("key", SETTING_KEY)}`), SETTING_KEY_SPELLING],
    [all(`!(key in ${celList(KEPT_WORDS)})`), KEPT_WORD],
    [all(`!${celMatches("key", OWN_SETTINGS)}`), OWN_SETTING],
  ];
}

/** Longest text that a setting may be. */
export const SETTING_TEXT_MAX = NVS_STRING_MAX * 4;
/** What `plainValue` says of the value `of`, whose type no structural schema can leave open. */
export function plainValueRules(of: string): [rule: string, message: string][] {
  const safe = Number.MAX_SAFE_INTEGER;
  const string = `type(${of}) == string && size(${of}) <= ${SETTING_TEXT_MAX} && ${celMatches(of, WITHOUT_CONTROL_CHARACTERS)}`;
  const integer = `type(${of}) == int && ${of} <= ${safe} && ${of} >= -${safe}`;
  const double = `type(${of}) == double && ${of} < ${safe + 1}.0 && ${of} > -${safe + 1}.0`;
  const rule = `type(${of}) == bool || (${string}) || (${integer}) || (${double})`;
  return [[rule, "expected text without control characters, an exact number or true/false"]];
}

export const plainValue = z.union(
  [
    plainText(SETTING_TEXT_MAX),
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

export const settings = boundedRecord(settingKey, plainValue).meta({
  title: "Settings",
  description:
    "Plain settings. `a.b` goes to NVS namespace `a`, key `b`, unless a mapping says otherwise; a key without a dot reaches the image only by a mapping.",
});

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const CONFIG_KEY = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const SECRET_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const SECRET_KEY = /^[A-Za-z0-9_.-]+$/;

const environmentName = z
  .string()
  .max(200)
  .regex(ENVIRONMENT_NAME, "must be the name of an environment variable");
const configKey = z
  .string()
  .max(200)
  .regex(CONFIG_KEY, "must be a key of `pulumi config`, without the project's prefix");
const SECRET_KEY_DOTS = 'must not be "." nor begin with ".."';
export const secretKey = z
  .string()
  .max(253)
  .regex(SECRET_KEY, 'a key of a Secret is made of letters, digits, ".", "_" and "-"')
  .refine((key) => key !== "." && !key.startsWith(".."), SECRET_KEY_DOTS)
  .meta(cel(["self != '.' && !self.startsWith('..')", SECRET_KEY_DOTS]));

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
      name: z.string().max(253).regex(SECRET_NAME),
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

/** What `credentialSource` says of a value of whatever type. */
export function credentialCondition(of: string): string {
  const text = (at: string, max: number, pattern: RegExp) =>
    `type(${at}) == string && size(${at}) <= ${max} && ${celMatches(at, pattern)}`;
  const secret = `${of}.fromSecret`;
  const either = [
    `('fromConfig' in ${of} && ${text(`${of}.fromConfig`, 200, CONFIG_KEY)})`,
    `('fromEnv' in ${of} && ${text(`${of}.fromEnv`, 200, ENVIRONMENT_NAME)})`,
    `('fromSecret' in ${of} && type(${secret}) == map && size(${secret}) == 2 && 'name' in ${secret} && 'key' in ${secret} && ` +
      `${text(`${secret}.name`, 253, SECRET_NAME)} && ${text(`${secret}.key`, 253, SECRET_KEY)} && ` +
      `${secret}.key != '.' && !${secret}.key.startsWith('..'))`,
  ];
  return `(type(${of}) == map && size(${of}) == 1 && (${either.join(" || ")}))`;
}

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

export const secrets = boundedRecord(settingKey, secretSource).meta({
  title: "Secrets",
  description: "Secret settings: their keys and where each value comes from.",
  ...cel(...settingKeyRules("self")),
});

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

const LABEL_KEY_SPELLING = "must be a label's key, such as hall or example.com/hall";
const PREFIX_FITS = `indexOf('/') <= ${LABEL_PREFIX_MAX}`;
export const labelKey = z
  .string()
  .max(317)
  .regex(LABEL_KEY, LABEL_KEY_SPELLING)
  .refine((key) => key.indexOf("/") <= LABEL_PREFIX_MAX, LABEL_KEY_SPELLING)
  .meta(cel([`self.${PREFIX_FITS}`, LABEL_KEY_SPELLING]));
export const labelValue = z
  .string()
  .max(63, "a label's value has at most 63 characters")
  .regex(
    LABEL_VALUE,
    'a label\'s value is made of letters, digits, "-", "_" and ".", and begins and ends with a letter or digit',
  );

/** Labels that something is picked by. */
export function labelMap(max: number = MAX_ENTRIES) {
  return boundedRecord(labelKey, labelValue, max).meta(
    cel([
      `self.all(key, size(key) <= 317 && key.${PREFIX_FITS} && ${celMatches("key", LABEL_KEY)})`,
      LABEL_KEY_SPELLING,
    ]),
  );
}

/** Labels that nobody else may set. */
export const OWN_LABELS = /^([a-z0-9.-]+\.)?edgeflock\.io\//;
export const OWN_LABEL = "labels of edgeflock.io are set by Edgeflock itself";
const labels = boundedRecord(
  labelKey.refine((key) => !OWN_LABELS.test(key), OWN_LABEL),
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
  })
  .meta(
    cel([
      "(self.operator in ['In', 'NotIn']) == has(self.values)",
      "In and NotIn need values, the others take none",
    ]),
  );

export const selector = z
  .strictObject({
    matchLabels: labelMap().optional(),
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
