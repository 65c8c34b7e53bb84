// ValidatingAdmissionPolicies for whoever names a Secret in one of the four kinds: an update reads and writes Secrets
// with its own rights, so the person must be allowed to do by hand what they make it do. Pure; touches nothing.
import type { Kind } from "../names.ts";
import type { Policy, Validation } from "./policy.ts";

/** Credentials of a DevicesCluster: maps of sources, and what says where they are sent. Paths into `spec`. */
const CREDENTIALS = [
  { at: ["mqtt.broker.admin"], beside: ["mqtt.broker", "mqtt.ca"] },
  { at: ["artifacts.credentials", "artifacts.flashing", "artifacts.iam.admin"], beside: ["artifacts"] },
  { at: ["telemetry.influxdb.admin"], beside: ["telemetry.influxdb"] },
] as const;
const CONNECTION = "mqtt.broker.cluster.connectionSecret";
/** Whose `secret` names one that gets credentials. */
const USERS = {
  lists: ["mqtt.readers", "mqtt.applications"],
  programs: ["telemetry.telegraf", "telemetry.grafana"],
};

/**
 * Every place of a spec that names a Secret which is there already; `*` is every key, `[]` every item. What the schema
 * has besides, a test finds. A group's `secret.name` is none: an update makes it, and takes none over.
 */
export const NAMED_SECRETS: Readonly<Record<Kind, readonly string[]>> = {
  DevicesCluster: [
    "secrets.*",
    ...CREDENTIALS.flatMap(({ at }) => at.map((path) => `${path}.*`)),
    CONNECTION,
    ...USERS.lists.map((list) => `${list}[].secret`),
    ...USERS.programs.map((program) => `${program}.secret`),
  ],
  DeviceClass: ["secrets.*"],
  DeviceGroup: ["secrets.*"],
  Device: ["secrets.*"],
};

/** So many new ones are asked for by name; more at a time take the right to all. */
const MOST = 20;
/** What one expression may ask at most. https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints */
const AT_A_TIME = 2;

const may = (verb: string, namespace: string, name?: string) =>
  `authorizer.group('').resource('secrets').namespace(${namespace})${name === undefined ? "" : `.name(${name})`}.check('${verb}').allowed()`;

/**
 * Each of a list is allowed: all at once by the variable `all`, else one by one, a few in each expression, since each
 * question has its price in CEL's budget.
 */
function eachAllowed(
  list: string,
  all: string,
  allowed: (item: string) => string,
  message: string,
): Validation[] {
  const one = (index: number) => `(size(${list}) <= ${index} || ${allowed(`${list}[${index}]`)})`;
  const slices = Array.from({ length: MOST / AT_A_TIME }, (_, slice) =>
    Array.from({ length: AT_A_TIME }, (_, index) => one(slice * AT_A_TIME + index)).join(" && "),
  );
  const forbidden = { message, reason: "Forbidden" as const };
  return [
    ...slices.map((slice) => ({
      expression: `size(${list}) == 0 || variables.${all} || (${slice})`,
      ...forbidden,
    })),
    { expression: `size(${list}) <= ${MOST} || variables.${all}`, ...forbidden },
  ];
}

const READING =
  "whoever says where a secret comes from must be allowed to read it there: the Secret of fromSecret, and for fromConfig and fromEnv every Secret of the namespace";

/** `wanted` and `mayReadAll`, and the judgement. @param wanted the sources that nobody asked for before */
function reading(field: string, namespace: string, wanted: string) {
  return {
    variables: [
      {
        name: "wanted",
        expression: `(${wanted}).filter(source, type(source) == map && !has(source.random))`,
      },
      { name: "mayReadAll", expression: may("list", namespace) },
    ],
    validations: eachAllowed(
      "variables.wanted",
      "mayReadAll",
      (item) => `(has(${item}.fromSecret) && ${may("get", namespace, `${item}.fromSecret.name`)})`,
      `${field}: ${READING}`,
    ),
  };
}

/** A source that was there before is nobody's new wish; under another key it may go where it did not go before. */
const NEW_SECRETS =
  "variables.now.map(key, !(key in variables.before) || variables.before[key] != variables.now[key], variables.now[key])";

/**
 * What a device gets ends in its Secret, which whoever manages devices may read. So who writes where a secret comes from
 * must be allowed to read it there: by name from a Secret; what the update's own configuration and environment hold is
 * for those who may read every Secret of the namespace.
 */
function ofMembers(): Policy {
  const { variables, validations } = reading("spec.secrets", "request.namespace", NEW_SECRETS);
  return {
    name: "edgeflock-secret-references",
    kinds: ["DeviceClass", "DeviceGroup", "Device"],
    operations: ["CREATE", "UPDATE"],
    variables: [
      {
        name: "before",
        expression: "oldObject != null && has(oldObject.spec.secrets) ? oldObject.spec.secrets : {}",
      },
      { name: "now", expression: "has(object.spec.secrets) ? object.spec.secrets : {}" },
      ...variables,
    ],
    validations,
  };
}

const field = (of: string, path: string) => `${of}.spec.?${path.replaceAll(".", ".?")}`;
const valuesOf = (path: string) => {
  const map = `${field("object", path)}.orValue({})`;
  return `${map}.map(key, ${map}[key])`;
};
/** Whether all of these are what they were. */
const same = (paths: readonly string[]) =>
  `(!variables.elsewhere && ${paths.map((path) => `${field("object", path)} == ${field("oldObject", path)}`).join(" && ")})`;

/**
 * A DevicesCluster's secrets go to every device; its other credentials go to the server that stands beside them. So a
 * credential that stays is a new wish where that server is another.
 */
const CLUSTER_SOURCES = [
  `(${NEW_SECRETS})`,
  ...CREDENTIALS.map(({ at, beside }) => `(${same(beside)} ? [] : ${at.map(valuesOf).join(" + ")})`),
].join(" + ");

const written = (of: string) =>
  [
    ...USERS.lists.map((list) => `${field(of, list)}.orValue([]).map(user, user.secret)`),
    ...USERS.programs.map((program) => {
      const secret = field(of, `${program}.secret`);
      return `(${secret}.hasValue() ? [${secret}.value()] : [])`;
    }),
  ].join(" + ");

const placeOf = (secret: string) =>
  `(has(${secret}.namespace) ? ${secret}.namespace : object.spec.namespace)`;

function ofClusters(): Policy {
  const { variables, validations } = reading("spec", "object.spec.namespace", CLUSTER_SOURCES);
  return {
    name: "edgeflock-cluster-secret-references",
    kinds: ["DevicesCluster"],
    operations: ["CREATE", "UPDATE"],
    variables: [
      // The same name is another Secret in another namespace.
      {
        name: "elsewhere",
        expression: "oldObject == null || oldObject.spec.namespace != object.spec.namespace",
      },
      {
        name: "before",
        expression: "!variables.elsewhere && has(oldObject.spec.secrets) ? oldObject.spec.secrets : {}",
      },
      { name: "now", expression: "has(object.spec.secrets) ? object.spec.secrets : {}" },
      ...variables,
      { name: "writtenBefore", expression: `variables.elsewhere ? [] : ${written("oldObject")}` },
      {
        name: "written",
        expression: `(${written("object")}).filter(secret, !variables.writtenBefore.exists(each, each == secret))`,
      },
      {
        name: "mayWriteAll",
        expression: `variables.written.all(secret, ${placeOf("secret")} == object.spec.namespace) && ${may("patch", "object.spec.namespace")}`,
      },
    ],
    validations: [
      ...validations,
      {
        expression: `${same(["mqtt.broker"])} || !${field("object", CONNECTION)}.hasValue() || ${may("get", "object.spec.mqtt.broker.cluster.?namespace.orValue(object.spec.namespace)", `object.spec.${CONNECTION}.name`)}`,
        message:
          "spec.mqtt.broker.cluster.connectionSecret: whoever names a Secret with a login must be allowed to read it",
        reason: "Forbidden",
      },
      ...eachAllowed(
        "variables.written",
        "mayWriteAll",
        (item) => may("patch", placeOf(item), `${item}.name`),
        "spec.mqtt and spec.telemetry: whoever names a Secret that gets credentials must be allowed to change it",
      ),
    ],
  };
}

export const SECRET_REFERENCES: readonly Policy[] = [ofMembers(), ofClusters()];
