// Parts of the class's schema: firmware, configuration partition, sensors, encryption.
// Pure; touches nothing.
import { z } from "zod";
import { cel, celList, listMap } from "./cel.ts";
import { gitSource, job } from "./schema-job.ts";
import { settingKey } from "./schema-parts.ts";
import { builderArgs, container, relativeFolder } from "./schema-program.ts";
import { text } from "./schema-text.ts";

export const EXECUTORS = ["process", "container", "kubernetes-job"] as const;
const ONE_SOURCE = "names either a source folder or a commit in git";

export const firmware = z
  .strictObject({
    builder: z
      .strictObject({
        name: z
          .string()
          .max(63)
          .regex(
            /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
            "must be the name of a builder, such as native or prebuilt",
          )
          .describe("Builder, such as `native` or `prebuilt`."),
        args: builderArgs.describe("Arguments of the builder.").default({}),
        source: relativeFolder
          .describe("Folder with the firmware's sources, for builders that take one.")
          .optional(),
        git: gitSource.describe("The same as a commit in git, for `command` and `esp-idf`.").optional(),
      })
      .refine(({ source, git }) => source === undefined || git === undefined, ONE_SOURCE)
      .meta({
        title: "Firmware builder",
        ...cel(["!(has(self.source) && has(self.git))", ONE_SOURCE]),
      }),
    executor: z
      .enum(EXECUTORS)
      .describe("Where the builder runs; default the stack's edgeflock:executor, else what `container` says.")
      .optional(),
    container: container.optional(),
    job: job.optional(),
    secrets: z
      .array(settingKey)
      .max(100)
      .describe(
        "Secrets of the class or its cluster that the build reads; a change of one rebuilds the firmware.",
      )
      .default([]),
  })
  .meta({ title: "Firmware" });

/** Partitions that belong to the firmware or the bootloader. */
const FOREIGN_PARTITIONS = ["nvs", "nvs_keys", "nvs_key", "otadata", "phy_init", "factory", "ota_0", "ota_1"];
const PAGE = 4096;
const FOREIGN = "belongs to the firmware; the configuration has a partition of its own";

export const partition = z
  .strictObject({
    label: z
      .string()
      .max(15, "a partition's label has at most 15 characters")
      .regex(/^[A-Za-z0-9_-]+$/, 'is made of letters, digits, "_" and "-"')
      .refine((label) => !FOREIGN_PARTITIONS.includes(label), FOREIGN)
      .meta(cel([`!(self in ${celList(FOREIGN_PARTITIONS)})`, FOREIGN]))
      .describe("Label of the configuration partition; its offset comes from the class's partition table.")
      .default("cfg"),
    size: z
      .int()
      .min(3 * PAGE, "NVS needs at least three pages, 0x3000")
      .max(0x80000, "must be at most 0x80000: the image lives in a Kubernetes Secret")
      .multipleOf(PAGE, "must be a multiple of 0x1000, the page of NVS")
      .describe("Size in bytes, such as 0x6000.")
      .default(0x6000),
  })
  .meta({ title: "Configuration partition" });

export const sensors = z
  .array(
    z.strictObject({
      name: z
        .string()
        .max(32)
        .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'is made of a-z, 0-9 and "-"'),
      driver: z
        .string()
        .max(32)
        .regex(/^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/, 'is made of a-z, 0-9, "_" and "-"'),
      unit: text(16)
        .regex(/^\P{Cc}*$/u, "must not contain control characters")
        .optional(),
    }),
  )
  .max(64)
  .superRefine((list, context) => {
    const seen = new Set<string>();
    for (const [index, sensor] of list.entries()) {
      if (seen.has(sensor.name)) {
        context.addIssue({
          code: "custom",
          path: [index, "name"],
          message: `a sensor "${sensor.name}" is there already`,
        });
      }
      seen.add(sensor.name);
    }
  })
  .meta(listMap("name"))
  .describe("Drivers are compiled into the firmware; their pins, intervals and on/off are settings.");

export const security = z
  .strictObject({
    nvsEncryption: z
      .enum(["hmac", "flash"])
      .describe(
        "Encrypts the configuration image: keys from an eFuse (`hmac`) or an nvs_keys partition (`flash`).",
      )
      .optional(),
    flashEncryption: z.boolean().describe("The boards run with flash encryption.").default(false),
  })
  .meta({ title: "Security" });

/** Chips with an HMAC peripheral: SOC_HMAC_SUPPORTED in components/soc/<chip> of ESP-IDF. */
const HMAC_CHIPS = ["esp32s2", "esp32s3", "esp32c3", "esp32c5", "esp32c6", "esp32h2", "esp32p4"];

/** Why an NVS encryption would protect nothing on this chip, or undefined. */
export function securityProblem(
  chip: string,
  security:
    | { nvsEncryption?: "hmac" | "flash" | undefined; flashEncryption?: boolean | undefined }
    | undefined,
): string | undefined {
  if (security?.nvsEncryption === "hmac" && !HMAC_CHIPS.includes(chip)) {
    return `${chip} has no HMAC peripheral to keep the key in; use "flash" together with flashEncryption: true`;
  }
  if (security?.nvsEncryption === "flash" && security.flashEncryption !== true) {
    return (
      "without flash encryption the nvs_keys partition would lie in the clear beside the data, which protects " +
      "nothing; set flashEncryption: true" +
      (HMAC_CHIPS.includes(chip) ? ' or use "hmac"' : "")
    );
  }
  return undefined;
}

/** The same as rules about a class's spec. */
export const SECURITY_RULES: [rule: string, message: string][] = [
  [
    `!(has(self.security) && has(self.security.nvsEncryption) && self.security.nvsEncryption == 'hmac') || self.chip in ${celList(HMAC_CHIPS)}`,
    'the chip has no HMAC peripheral to keep the key in; use nvsEncryption "flash" together with flashEncryption: true',
  ],
  [
    "!(has(self.security) && has(self.security.nvsEncryption) && self.security.nvsEncryption == 'flash') || (has(self.security.flashEncryption) && self.security.flashEncryption)",
    "without flash encryption the nvs_keys partition would lie in the clear beside the data; set flashEncryption: true",
  ],
  [
    "!(has(self.config) && has(self.config.format) && self.config.format == 'file' && has(self.security) && has(self.security.nvsEncryption))",
    "a configuration that comes as a file is plain text until it is moved; use config.format nvs",
  ],
];
