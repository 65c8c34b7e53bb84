// The schemas of the four kinds: the one source of manifest checks, argument types, JSON Schema and CRDs.
// Pure; touches nothing.
import { z } from "zod";
import { cel, celMatches } from "./cel.ts";
import { API_VERSION, type Kind, nameMax } from "./names.ts";
import { artifactProblems, artifacts } from "./schema-artifacts.ts";
import { configBuilder } from "./schema-config-builder.ts";
import {
  firmware,
  partition,
  SECURITY_RULES,
  security,
  securityProblem,
  sensors,
} from "./schema-device-parts.ts";
import { flash } from "./schema-flash.ts";
import { classMqtt, mqtt } from "./schema-mqtt.ts";
import type { mappingEntry, plainValue, secretSource } from "./schema-parts.ts";
import { mapping, metadata, secrets, selector, type settingKey, settings } from "./schema-parts.ts";
import { telemetry, telemetryProblems } from "./schema-telemetry.ts";
import { dnsLabel } from "./schema-text.ts";

export const CHIPS = [
  "esp32",
  "esp32s2",
  "esp32s3",
  "esp32c2",
  "esp32c3",
  "esp32c5",
  "esp32c6",
  "esp32c61",
  "esp32h2",
  "esp32p4",
] as const;

const FORMER_NAME = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\/)?[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** What a manifest was called before; see docs/renaming.md. */
function formerly(kind: Kind) {
  const name =
    kind === "DevicesCluster"
      ? dnsLabel(nameMax(kind))
      : z
          .string()
          .max(127)
          .regex(
            FORMER_NAME,
            'must be a former name: "cam-001", or "namespace/cam-001" for one in another namespace',
          );
  return z
    .array(name)
    .max(50)
    .describe(
      "Former names, oldest first. Credentials, Lease and resources are kept; the oldest name must stay in the list.",
    )
    .default([]);
}

/** Namespaces that a fleet must not own: it would be deleted with the fleet. */
const FOREIGN_NAMESPACES = /^(default|kube-.*)$/;
const FOREIGN_NAMESPACE = "belongs to Kubernetes itself; a fleet has a namespace of its own";

export const devicesClusterSpec = z
  .strictObject({
    namespace: dnsLabel(63)
      .refine((name) => !FOREIGN_NAMESPACES.test(name), FOREIGN_NAMESPACE)
      .meta(cel([`!${celMatches("self", FOREIGN_NAMESPACES)}`, FOREIGN_NAMESPACE]))
      .describe("Kubernetes namespace that holds everything of this cluster; created with it."),
    settings: settings.default({}),
    secrets: secrets.default({}),
    mqtt,
    artifacts,
    access: z
      .strictObject({
        createsClusters: z
          .boolean()
          .describe(
            "Whether the ServiceAccount edgeflock-clusters may create namespaces and DevicesClusters (by a ClusterRole).",
          )
          .default(true),
      })
      .meta({ title: "Access" })
      .prefault({}),
    telemetry: telemetry.optional(),
    formerly: formerly("DevicesCluster"),
  })
  .superRefine((spec, context) => {
    for (const { path, message } of [...telemetryProblems(spec), ...artifactProblems(spec.artifacts)]) {
      context.addIssue({ code: "custom", path, message });
    }
  })
  .meta({
    description:
      "One site or customer: namespace, broker, cluster-wide settings and secrets, artefact store.",
  });

export const deviceClassSpec = z
  .strictObject({
    chip: z.enum(CHIPS).describe("The chip of the board."),
    firmware,
    config: z
      .strictObject({
        builder: configBuilder,
        format: z
          .enum(["nvs", "file"])
          .describe(
            "How it comes to the board: as an NVS image, or as a file that the firmware moves to its own NVS.",
          )
          .default("nvs"),
        partition: partition.prefault({}),
        mapping: mapping.default([]),
      })
      .describe("The configuration image of its devices.")
      .prefault({}),
    settings: settings.default({}),
    secrets: secrets.default({}),
    sensors: sensors.default([]),
    mqtt: classMqtt.prefault({}),
    security: security.optional(),
    formerly: formerly("DeviceClass"),
  })
  .superRefine((spec, context) => {
    const problem = securityProblem(spec.chip, spec.security);
    if (problem) context.addIssue({ code: "custom", path: ["security", "nvsEncryption"], message: problem });
    if (spec.config.format === "file" && spec.security?.nvsEncryption !== undefined) {
      const message = "a configuration that comes as a file is plain text until it is moved; use nvs";
      context.addIssue({ code: "custom", path: ["config", "format"], message });
    }
  })
  .meta({
    description: "A kind of board and its firmware, with class-wide settings and secrets.",
    ...cel(...SECURITY_RULES),
  });

export const deviceGroupSpec = z
  .strictObject({
    selector,
    priority: z
      .int()
      .min(-1_000_000)
      .max(1_000_000)
      .describe("Among groups that set the same key, the one with the higher priority wins.")
      .default(0),
    settings: settings.default({}),
    secrets: secrets.default({}),
    secret: z
      .strictObject({ name: dnsLabel(63) })
      .describe("Name of the group's Kubernetes Secret; default `<name>-device-group`.")
      .optional(),
    formerly: formerly("DeviceGroup"),
  })
  .meta({ description: "Devices picked by their labels, which share settings and secrets." });

export const deviceSpec = z
  .strictObject({
    deviceClassReference: z
      .strictObject({ name: dnsLabel(63).describe("Name of the DeviceClass.") })
      .describe("What kind of board it is, and so which firmware it runs."),
    data: settings.default({}),
    secrets: secrets.default({}),
    mapping: mapping.default([]),
    credentials: z
      .strictObject({
        generation: z
          .int()
          .min(1)
          .max(1_000_000)
          .describe("Raise it by one to give the device new MQTT credentials.")
          .default(1),
        keepPrevious: z
          .boolean()
          .describe("Whether the broker takes older credentials until the board was seen with the new ones.")
          .default(true),
      })
      .describe("Its MQTT credentials.")
      .prefault({}),
    flash: flash.optional().describe("How its board is flashed as part of an update."),
    disabled: z
      .boolean()
      .describe("Revokes the device: no credentials, no Secret. Enabled again it gets new credentials.")
      .default(false),
    formerly: formerly("Device"),
  })
  .meta({ description: "One board: its class, its own data and secrets, its MQTT identity." });

function manifest<K extends Kind, S extends z.ZodType>(kind: K, spec: S) {
  return z
    .strictObject({
      apiVersion: z.literal(API_VERSION),
      kind: z.literal(kind),
      metadata: metadata(kind),
      spec,
    })
    .meta({ title: kind });
}

export const devicesCluster = manifest("DevicesCluster", devicesClusterSpec);
export const deviceClass = manifest("DeviceClass", deviceClassSpec);
export const deviceGroup = manifest("DeviceGroup", deviceGroupSpec);
export const device = manifest("Device", deviceSpec);

export const MANIFEST_SCHEMAS = {
  DevicesCluster: devicesCluster,
  DeviceClass: deviceClass,
  DeviceGroup: deviceGroup,
  Device: device,
} as const;

export type PlainValue = z.output<typeof plainValue>;
export type SecretSource = z.output<typeof secretSource>;
export type MappingEntry = z.output<typeof mappingEntry>;
export type Selector = z.output<typeof selector>;
export type SettingKey = z.output<typeof settingKey>;
export type Chip = (typeof CHIPS)[number];

export type DevicesClusterManifest = z.output<typeof devicesCluster>;
export type DeviceClassManifest = z.output<typeof deviceClass>;
export type DeviceGroupManifest = z.output<typeof deviceGroup>;
export type DeviceManifest = z.output<typeof device>;
export type Manifest = DevicesClusterManifest | DeviceClassManifest | DeviceGroupManifest | DeviceManifest;

/** A spec with every default filled in, as a manifest's check gives it. */
export type DevicesClusterSpec = z.output<typeof devicesClusterSpec>;
export type DeviceClassSpec = z.output<typeof deviceClassSpec>;
export type DeviceGroupSpec = z.output<typeof deviceGroupSpec>;
export type DeviceSpec = z.output<typeof deviceSpec>;

/** A spec as a person writes it: what has a default may be left out. */
export type DevicesClusterSpecInput = z.input<typeof devicesClusterSpec>;
export type DeviceClassSpecInput = z.input<typeof deviceClassSpec>;
export type DeviceGroupSpecInput = z.input<typeof deviceGroupSpec>;
export type DeviceSpecInput = z.input<typeof deviceSpec>;
