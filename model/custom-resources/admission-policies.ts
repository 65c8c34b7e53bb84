// ValidatingAdmissionPolicies for the four kinds: what no CRD can say, because it is about values without a type, about
// labels, about who may change what, or about another object. Pure; touches nothing.
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
import { celAbout, celMatches } from "../cel.ts";
import { API_GROUP, API_VERSION, type Kind } from "../names.ts";
import { ARTIFACT_RULES } from "../schema-artifacts.ts";
import { ADMIN_NAME_RULES } from "../schema-broker.ts";
import { USER_RULES } from "../schema-mqtt.ts";
import { OWN_LABEL, OWN_LABELS, plainValueRules, settingKeyRules } from "../schema-parts.ts";
import { ARGUMENT_NAME_MAX } from "../schema-program.ts";
import { TELEMETRY_RULES } from "../schema-telemetry.ts";
import { KIND_FACTS } from "./definitions.ts";
import type { Policy, Validation } from "./policy.ts";
import { SECRET_REFERENCES } from "./secret-references.ts";

const API = "admissionregistration.k8s.io/v1";

/** Set it on a Device to the class that it is to have: without it, its class cannot be changed. */
export const CHANGE_CLASS_ANNOTATION = "edgeflock.io/change-class";
/** Set it on a Device to its new oldest name: without it, what its credentials derive from cannot be changed. */
export const CHANGE_IDENTITY_ANNOTATION = "edgeflock.io/change-identity";
/** Set it on a DevicesCluster to its new namespace: without it, that cannot be changed. */
export const CHANGE_NAMESPACE_ANNOTATION = "edgeflock.io/change-namespace";

export interface AdmissionObject {
  apiVersion: string;
  kind: "ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding";
  metadata: { name: string };
  spec: object;
}

const invalid = ([expression, message]: [rule: string, message: string]): Validation => ({
  expression,
  message,
  reason: "Invalid",
});

function settingsPolicy(name: string, kinds: Kind[], field: "settings" | "data"): Policy {
  const [value] = plainValueRules("variables.settings[key]");
  return {
    name,
    kinds,
    operations: ["CREATE", "UPDATE"],
    variables: [{ name: "settings", expression: `has(object.spec.${field}) ? object.spec.${field} : {}` }],
    validations: [
      ...settingKeyRules("variables.settings").map(invalid),
      invalid([`variables.settings.all(key, ${value![0]})`, `spec.${field}: ${value![1]}`]),
    ],
  };
}

const LABELS: Policy = {
  name: "edgeflock-labels",
  kinds: ["DevicesCluster", "DeviceClass", "DeviceGroup", "Device"],
  operations: ["CREATE", "UPDATE"],
  validations: [
    invalid([
      `!has(object.metadata.labels) || object.metadata.labels.all(key, !${celMatches("key", OWN_LABELS)})`,
      OWN_LABEL,
    ]),
  ],
};

const ARGUMENTS: Policy = {
  name: "edgeflock-builder-arguments",
  kinds: ["DeviceClass"],
  operations: ["CREATE", "UPDATE"],
  validations: ["object.spec.firmware.builder", "object.spec.?config.?builder.orValue({})"].map((builder) =>
    invalid([
      `${builder}.?args.orValue({}).all(key, size(key) >= 1 && size(key) <= ${ARGUMENT_NAME_MAX})`,
      `the name of a builder's argument has 1 to ${ARGUMENT_NAME_MAX} characters`,
    ]),
  ),
};

const CLUSTER: Policy = {
  name: "edgeflock-cluster",
  kinds: ["DevicesCluster"],
  operations: ["CREATE", "UPDATE"],
  validations: [
    ...celAbout("object.spec.mqtt", USER_RULES),
    ...celAbout("object.spec", [...TELEMETRY_RULES, ...ARTIFACT_RULES]),
    ...ADMIN_NAME_RULES,
  ].map(invalid),
};

const annotation = (key: string) =>
  `(has(object.metadata.annotations) && '${key}' in object.metadata.annotations ? object.metadata.annotations['${key}'] : '')`;
const oldest = (of: string) =>
  `(has(${of}.spec.formerly) && size(${of}.spec.formerly) > 0 ? ${of}.spec.formerly[0] : ${of}.metadata.name)`;

const DEVICE_IDENTITY: Policy = {
  name: "edgeflock-device-identity",
  kinds: ["Device"],
  operations: ["UPDATE"],
  validations: [
    {
      expression: `object.spec.deviceClassReference.name == oldObject.spec.deviceClassReference.name || ${annotation(CHANGE_CLASS_ANNOTATION)} == object.spec.deviceClassReference.name`,
      messageExpression: `'another class is another firmware, which the board has to be flashed with; to change it on purpose set the annotation ${CHANGE_CLASS_ANNOTATION}: ' + object.spec.deviceClassReference.name`,
      reason: "Forbidden",
    },
    {
      expression: `${oldest("object")} == ${oldest("oldObject")} || ${annotation(CHANGE_IDENTITY_ANNOTATION)} == ${oldest("object")}`,
      messageExpression: `'the credentials derive from the oldest name, and the board that has them would be locked out; to change it on purpose set the annotation ${CHANGE_IDENTITY_ANNOTATION}: ' + ${oldest("object")}`,
      reason: "Forbidden",
    },
  ],
};

const CLUSTER_IDENTITY: Policy = {
  name: "edgeflock-cluster-identity",
  kinds: ["DevicesCluster"],
  operations: ["UPDATE"],
  validations: [
    {
      expression: `object.spec.namespace == oldObject.spec.namespace || ${annotation(CHANGE_NAMESPACE_ANNOTATION)} == object.spec.namespace`,
      messageExpression: `'everything of the cluster would be made anew in another namespace; to do that on purpose set the annotation ${CHANGE_NAMESPACE_ANNOTATION}: ' + object.spec.namespace`,
      reason: "Forbidden",
    },
  ],
};

/**
 * CEL sees no other object but its parameter, so every Device of the namespace is one: the policy is tried with each.
 * That takes no webhook, whose certificate and availability somebody would have to look after; and a finalizer could
 * not refuse: it would leave the class half deleted. The API server's informer may lag behind by moments, so a class
 * that is deleted while its first device is created can slip through: that device's `Validated` condition then says so.
 * A namespace that is deleted whole takes its classes with it.
 */
const CLASS_IN_USE: Policy = {
  name: "edgeflock-class-in-use",
  kinds: ["DeviceClass"],
  operations: ["DELETE"],
  forEach: "Device",
  validations: [
    {
      expression:
        "has(namespaceObject.metadata.deletionTimestamp) || params.spec.deviceClassReference.name != oldObject.metadata.name",
      messageExpression:
        "'DeviceClass ' + oldObject.metadata.name + ' is the class of Device ' + params.metadata.name + '; delete its devices or give them another class first'",
      reason: "Forbidden",
    },
  ],
};

export const POLICIES: readonly Policy[] = [
  settingsPolicy("edgeflock-settings", ["DevicesCluster", "DeviceClass", "DeviceGroup"], "settings"),
  settingsPolicy("edgeflock-device-data", ["Device"], "data"),
  LABELS,
  ARGUMENTS,
  CLUSTER,
  ...SECRET_REFERENCES,
  DEVICE_IDENTITY,
  CLUSTER_IDENTITY,
  CLASS_IN_USE,
];

/** Each policy and its binding, which bears the same name. */
export function admissionObjects(): AdmissionObject[] {
  return POLICIES.flatMap((policy) => [policyObject(policy), bindingObject(policy)]);
}

function policyObject({ name, kinds, operations, forEach, ...rest }: Policy): AdmissionObject {
  return {
    apiVersion: API,
    kind: "ValidatingAdmissionPolicy",
    metadata: { name },
    spec: {
      failurePolicy: "Fail",
      ...(forEach && { paramKind: { apiVersion: API_VERSION, kind: forEach } }),
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [API_GROUP],
            apiVersions: ["*"],
            operations,
            resources: kinds.map((kind) => KIND_FACTS[kind].plural),
          },
        ],
      },
      ...rest,
    },
  };
}

function bindingObject({ name, forEach }: Policy): AdmissionObject {
  return {
    apiVersion: API,
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: ["Deny"],
      // Without a namespace: that of the object in question.
      ...(forEach && { paramRef: { selector: {}, parameterNotFoundAction: "Allow" } }),
    },
  };
}
