// The CustomResourceDefinitions of the four kinds, from the schemas that check manifests. Pure; touches nothing.
import { API_VERSION, DNS_LABEL, KINDS, type Kind, nameMax, PLURALS } from "../names.ts";
import {
  deviceClassSpec,
  deviceGroupSpec,
  deviceSpec,
  devicesClusterSpec,
  MANIFEST_SCHEMAS,
} from "../schema.ts";
import { type JsonSchema, structuralSchema } from "./structural-schema.ts";

const [GROUP, VERSION] = API_VERSION.split("/") as [string, string];

interface PrinterColumn {
  name: string;
  type: "string" | "integer" | "date";
  jsonPath: string;
  description?: string;
  /** Above 0: shown by `-o wide` alone. */
  priority?: number;
}

interface KindFacts {
  plural: string;
  singular: string;
  shortNames: string[];
  scope: "Cluster" | "Namespaced";
  columns: PrinterColumn[];
  /** For `--field-selector`. */
  selectable: string[];
}

const READY: PrinterColumn[] = [
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Reason", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
];

/** Names that URLs, roles and people use: permanent. */
export const KIND_FACTS: Record<Kind, KindFacts> = {
  DevicesCluster: {
    plural: PLURALS.DevicesCluster,
    singular: "devicescluster",
    shortNames: ["dcl"],
    scope: "Cluster",
    columns: [
      { name: "Namespace", type: "string", jsonPath: ".spec.namespace" },
      { name: "Broker", type: "string", jsonPath: ".spec.mqtt.broker.kind" },
    ],
    selectable: [".spec.namespace"],
  },
  DeviceClass: {
    plural: PLURALS.DeviceClass,
    singular: "deviceclass",
    shortNames: ["dcs"],
    scope: "Namespaced",
    columns: [
      { name: "Chip", type: "string", jsonPath: ".spec.chip" },
      { name: "Builder", type: "string", jsonPath: ".spec.firmware.builder.name" },
    ],
    selectable: [".spec.chip", ".spec.firmware.builder.name"],
  },
  DeviceGroup: {
    plural: PLURALS.DeviceGroup,
    singular: "devicegroup",
    shortNames: ["dgr"],
    scope: "Namespaced",
    columns: [{ name: "Priority", type: "integer", jsonPath: ".spec.priority" }],
    selectable: [],
  },
  Device: {
    plural: PLURALS.Device,
    singular: "device",
    shortNames: ["dev"],
    scope: "Namespaced",
    columns: [
      { name: "Class", type: "string", jsonPath: ".spec.deviceClassReference.name" },
      { name: "Credential", type: "integer", jsonPath: ".spec.credentials.generation", priority: 1 },
    ],
    selectable: [".spec.deviceClassReference.name"],
  },
};

const SPECS = {
  DevicesCluster: devicesClusterSpec,
  DeviceClass: deviceClassSpec,
  DeviceGroup: deviceGroupSpec,
  Device: deviceSpec,
} as const;

export interface CustomResourceDefinition {
  apiVersion: "apiextensions.k8s.io/v1";
  kind: "CustomResourceDefinition";
  metadata: { name: string };
  spec: object;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/ */
export function customResourceDefinition(kind: Kind): CustomResourceDefinition {
  const { plural, singular, shortNames, scope, columns, selectable } = KIND_FACTS[kind];
  const version = {
    name: VERSION,
    served: true,
    storage: true,
    schema: { openAPIV3Schema: objectSchema(kind) },
    subresources: { status: {} },
    additionalPrinterColumns: [...columns, ...READY],
    ...(selectable.length > 0 && { selectableFields: selectable.map((jsonPath) => ({ jsonPath })) }),
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories: ["edgeflock"] },
      versions: [version],
    },
  };
}

export function customResourceDefinitions(): CustomResourceDefinition[] {
  return KINDS.map(customResourceDefinition);
}

function objectSchema(kind: Kind): JsonSchema {
  const { description } = structuralSchema(MANIFEST_SCHEMAS[kind].shape.spec);
  return {
    type: "object",
    ...(description !== undefined && { description }),
    required: ["spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      // Nothing else of metadata may be said here; labels are an admission policy's.
      metadata: {
        type: "object",
        properties: { name: { type: "string", maxLength: nameMax(kind), pattern: DNS_LABEL.source } },
      },
      spec: structuralSchema(SPECS[kind]),
      status: kind === "DevicesCluster" ? CLUSTER_STATUS : STATUS,
    },
  };
}

/** https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties */
const STATUS: JsonSchema = {
  type: "object",
  description: "What has become of it; written by Edgeflock.",
  properties: {
    observedGeneration: {
      type: "integer",
      format: "int64",
      minimum: 0,
      description: "The metadata.generation that this status is about.",
    },
    conditions: {
      type: "array",
      maxItems: 16,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
      description: "Validated, FirmwareBuilt, ConfigBuilt, CredentialsIssued, Ready.",
      items: {
        type: "object",
        required: ["type", "status", "lastTransitionTime", "reason", "message"],
        properties: {
          type: { type: "string", maxLength: 63, pattern: "^[A-Za-z]([A-Za-z0-9]*)$" },
          status: { type: "string", enum: ["True", "False", "Unknown"] },
          observedGeneration: { type: "integer", format: "int64", minimum: 0 },
          lastTransitionTime: { type: "string", format: "date-time", maxLength: 64 },
          reason: { type: "string", maxLength: 128, pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$" },
          message: {
            type: "string",
            maxLength: 4096,
            description: "For people; never the value of a secret.",
          },
        },
      },
    },
  },
};

const CLUSTER_STATUS: JsonSchema = {
  ...STATUS,
  properties: {
    ...STATUS.properties,
    approved: {
      type: "string",
      maxLength: 64,
      description: "The approval that was used up last: it holds for no other update.",
    },
    preview: {
      type: "object",
      description: "What an update would do, where a person has to approve it first.",
      required: ["id", "summary", "changes"],
      properties: {
        id: {
          type: "string",
          maxLength: 64,
          description: "To approve it, set the annotation edgeflock.io/approve to this.",
        },
        summary: { type: "string", maxLength: 1024 },
        changes: {
          type: "array",
          maxItems: 256,
          items: { type: "string", maxLength: 1024 },
          description:
            "A line for each object that would change, with the settings that differ; never their values.",
        },
      },
    },
  },
};
