// The rules about single resources: what each looks at, and what it says. Pure.
import { IMAGE_BY_DIGEST } from "../model/image-reference.ts";

export interface Rule {
  name: string;
  description: string;
  severity: "low" | "medium" | "high" | "critical";
  /** A number that the stack's configuration may set. */
  limit?: { name: string; default: number; description: string };
  /**
   * @param type of the resource, such as `edgeflock:index:DevicesCluster`
   * @param props its inputs
   * @returns a sentence for each thing that is wrong
   */
  problems(type: string, props: Record<string, unknown>, limit: number): string[];
}

const CLUSTER = "edgeflock:index:DevicesCluster";
const OURS = /^(edgeflock:index|pulumi-nodejs:dynamic\/edgeflock):/;
const IN_THE_CLEAR = /^(mqtt|http):\/\//;

export const RULES: readonly Rule[] = [
  {
    name: "tls-required",
    description: "Devices and programs reach broker and database with TLS.",
    severity: "high",
    problems: (type, props) =>
      type !== CLUSTER
        ? []
        : ["mqtt", "management", "influxdb"].flatMap((key) => {
            const address = props[key];
            if (typeof address !== "string" || !IN_THE_CLEAR.test(address)) return [];
            return [`${key} is at ${address}, where passwords can be read on the way; use TLS.`];
          }),
  },
  {
    name: "images-by-digest",
    description:
      "A builder's container image is named by its digest, so that nobody else can change what it is.",
    severity: "high",
    problems: (type, props) =>
      OURS.test(type)
        ? imagesIn(props)
            .filter((image) => !IMAGE_BY_DIGEST.test(image))
            .map((image) => `the image "${image}" has no digest; name it as NAME@sha256:….`)
        : [],
  },
  {
    name: "secret-length",
    description: "A secret that Edgeflock generates has at least so many characters.",
    severity: "medium",
    limit: { name: "characters", default: 16, description: "At least so many; 16 are about 95 bits." },
    problems: (_type, { generatedSecrets }, limit) =>
      Object.entries((generatedSecrets ?? {}) as Record<string, unknown>)
        .filter(([, length]) => typeof length === "number" && length < limit)
        .map(([key, length]) => `the secret "${key}" has ${length} characters, not ${limit}.`),
  },
];

/** Of the firmware's builder, and of the configuration's. */
function imagesIn({ firmware, builder }: Record<string, unknown>): string[] {
  const places = [
    (firmware as { container?: { image?: unknown } } | undefined)?.container?.image,
    (builder as { container?: { image?: unknown } } | undefined)?.container?.image,
  ];
  return places.filter((image) => typeof image === "string");
}

/** The rule about a whole update, which asks the state; see changed-devices.ts. */
export const MAX_CHANGED_DEVICES = "max-changed-devices";

/** Of all rules, as a stack's configuration names them. */
export const RULE_NAMES: readonly string[] = [...RULES.map(({ name }) => name), MAX_CHANGED_DEVICES];
