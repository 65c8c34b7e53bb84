// Schema of a cluster's MQTT: its broker, where topics begin, and who but devices uses it. Pure; touches nothing.
import { z } from "zod";
import { cel, celField, celText, listMap } from "./cel.ts";
import { broker, pemCertificates } from "./schema-broker.ts";
import { secretKey } from "./schema-parts.ts";
import { dnsLabel } from "./schema-text.ts";
import { ONE_KEY, userGeneration, userSecretPlace } from "./schema-user-secret.ts";

/** MQTT levels without wildcards, "$" and ".": safe in an ACL pattern, a topic, a path and a shell. */
const TOPIC = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;

/** What an application's Secret can be given, and the key that each goes under unless `keys` says otherwise. */
export const USER_SECRET_KEYS = {
  url: "MQTT_URL",
  username: "MQTT_USERNAME",
  password: "MQTT_PASSWORD",
  topic: "MQTT_TOPIC",
} as const;

const KEY_FIELDS = Object.keys(USER_SECRET_KEYS);

const userSecret = z
  .strictObject({
    ...userSecretPlace,
    keys: z
      .strictObject({
        url: secretKey.describe("Gets `mqtts://host:port`.").optional(),
        username: secretKey.optional(),
        password: secretKey.optional(),
        topic: secretKey.describe("Gets the topic root, without wildcards.").optional(),
      })
      .refine((keys) => Object.keys(keys).length > 0, "needs at least one key")
      .refine((keys) => new Set(Object.values(keys)).size === Object.keys(keys).length, {
        error: ONE_KEY,
      })
      .meta({
        minProperties: 1,
        ...cel([
          KEY_FIELDS.flatMap((one, index) =>
            KEY_FIELDS.slice(index + 1).map(
              (other) => `!(has(self.${one}) && has(self.${other}) && self.${one} == self.${other})`,
            ),
          ).join(" && "),
          ONE_KEY,
        ]),
      })
      .describe(`Which value goes under which key; default ${Object.values(USER_SECRET_KEYS).join(", ")}.`)
      .optional(),
  })
  .meta({ id: "UserSecret", description: "The Kubernetes Secret that gets an MQTT user's credentials." });

const user = z
  .strictObject({ name: dnsLabel(50), secret: userSecret, generation: userGeneration })
  .meta({ id: "MqttUser", description: "Somebody who uses the broker and is no device." });

const users = z.array(user).max(100).meta(listMap("name")).default([]);

const places = (list: string) =>
  `(has(self.${list}) ? self.${list}.map(user, ${celField("user.secret", "namespace", "''")} + '/' + user.secret.name) : [])`;
const ALL_PLACES = `(${places("readers")} + ${places("applications")})`;
const none = (list: string) => `(!has(self.${list}) || size(self.${list}) == 0)`;
const NO_USERS: [rule: string, message: string] = [
  `self.broker.kind != ${celText("external")} || (${none("readers")} && ${none("applications")})`,
  "an external broker's users are made by whoever runs it; remove readers and applications",
];

/** The rest of what `superRefine` below says of users; more than a CRD's budget allows for. Names are a list's keys. */
export const USER_RULES: [rule: string, message: string][] = [
  [
    `${ALL_PLACES}.all(one, ${ALL_PLACES}.exists_one(other, other == one))`,
    "readers and applications need a Secret each",
  ],
];

export const mqtt = z
  .strictObject({
    broker,
    topicRoot: z
      .string()
      .max(128)
      .regex(TOPIC, 'must be MQTT levels of letters, digits, "-" and "_" with "/" between, without wildcards')
      .describe("Every device publishes and subscribes below `<topicRoot>/<device>`."),
    ca: pemCertificates.describe("Certificate, or chain, that signs the broker's; PEM text.").optional(),
    auth: z
      .enum(["password", "certificate", "both"])
      .describe(
        "What devices prove who they are with: a password, a certificate of the cluster's own CA, or both.",
      )
      .default("password"),
    certificates: z
      .strictObject({
        validDays: z
          .int()
          .min(3)
          .max(36_500)
          .describe(
            "How long a device's certificate is valid; a new generation comes after two thirds of it.",
          )
          .default(1095),
      })
      .prefault({}),
    credentials: z
      .strictObject({
        maxAgeDays: z
          .int()
          .min(1)
          .max(36_500)
          .describe("After so many days a device gets a new generation of credentials. Default: never.")
          .optional(),
      })
      .prefault({}),
    readers: users.describe("May read everything below the topic root: a recorder, a dashboard."),
    applications: users.describe(
      "May read everything below the topic root, command devices and broadcast to them.",
    ),
  })
  .superRefine(({ broker: { kind, tls }, auth, readers, applications }, context) => {
    if (auth !== "password" && !tls) {
      const message = "certificates need TLS; remove `tls: false`";
      context.addIssue({ code: "custom", path: ["auth"], message });
    }
    const lists = { readers, applications };
    const seen = new Map<string, string>();
    for (const [list, members] of Object.entries(lists)) {
      for (const [index, { name, secret }] of members.entries()) {
        const claims = [
          [`name of ${list}`, name, ["name"]],
          ["Secret", `${secret.namespace ?? ""}/${secret.name}`, ["secret", "name"]],
        ] as const;
        for (const [what, claim, path] of claims) {
          const other = seen.get(`${what} ${claim}`);
          const message = `"${path.length === 1 ? name : secret.name}" is taken by ${other}`;
          if (other) context.addIssue({ code: "custom", path: [list, index, ...path], message });
          seen.set(`${what} ${claim}`, `${list}[${index}]`);
        }
      }
      if (kind === "external" && members.length > 0) {
        const message = "an external broker's users are made by whoever runs it; remove them";
        context.addIssue({ code: "custom", path: [list], message });
      }
    }
  })
  .meta({ title: "MQTT", ...cel(NO_USERS) });

export type MqttAuth = z.output<typeof mqtt>["auth"];

/** Days after which a device's credentials are due for a new generation; undefined for never. */
export function maxCredentialAge(
  of: Pick<z.output<typeof mqtt>, "auth" | "certificates" | "credentials">,
): number | undefined {
  const { maxAgeDays } = of.credentials;
  if (of.auth === "password") return maxAgeDays;
  return Math.min(maxAgeDays ?? Number.POSITIVE_INFINITY, Math.floor((of.certificates.validDays * 2) / 3));
}

/** Of a class. */
export const classMqtt = z
  .strictObject({
    commands: z
      .boolean()
      .describe("Whether its devices may subscribe below their own topic; else they only publish there.")
      .default(true),
    broadcasts: z
      .boolean()
      .describe("Whether its devices may read what is said to all, to their class and to their groups.")
      .default(true),
  })
  .meta({ title: "MQTT rights", description: "What the class's devices may do at the broker." });
