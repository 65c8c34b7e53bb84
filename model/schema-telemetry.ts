// Schema of a cluster's telemetry: the InfluxDB that keeps it, who writes there and who reads. Pure; touches nothing.
import { z } from "zod";
import { cel, celDistinct, celField, celText } from "./cel.ts";
import { credentialSource, secretKey } from "./schema-parts.ts";
import { dnsLabel, pemText } from "./schema-text.ts";
import { ONE_KEY, userGeneration, userSecretPlace } from "./schema-user-secret.ts";

/** Scheme, host or address, port, path: no credentials, no query, nothing that a TOML or YAML text could mistake. */
const URL_TEXT =
  /^https?:\/\/([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:]{2,39}\])(:[0-9]{1,5})?(\/[A-Za-z0-9._~-]+)*\/?$/;

/** What a Secret for Telegraf or Grafana gets, and the key that each goes under unless `keys` says otherwise. */
export const INFLUXDB_SECRET_KEYS = {
  url: "INFLUXDB_URL",
  database: "INFLUXDB_DATABASE",
  username: "INFLUXDB_USERNAME",
  password: "INFLUXDB_PASSWORD",
} as const;

/** Both programs take credentials from environment variables, so a key has to be the name of one. */
const variableKey = secretKey.regex(
  /^[A-Za-z_][A-Za-z0-9_]*$/,
  "must be the name of an environment variable: the configuration refers to it",
);

const url = z
  .string()
  .max(500)
  .regex(URL_TEXT, "must be a URL such as https://influxdb.example:8086, without credentials");

const influxSecret = z
  .strictObject({
    ...userSecretPlace,
    keys: z
      .strictObject({
        url: variableKey.default(INFLUXDB_SECRET_KEYS.url),
        database: variableKey.default(INFLUXDB_SECRET_KEYS.database),
        username: variableKey.default(INFLUXDB_SECRET_KEYS.username),
        password: variableKey.default(INFLUXDB_SECRET_KEYS.password),
      })
      .refine((keys) => new Set(Object.values(keys)).size === 4, ONE_KEY)
      .meta(
        cel([
          celDistinct(
            Object.entries(INFLUXDB_SECRET_KEYS).map(([field, key]) => celField("self", field, celText(key))),
          ),
          ONE_KEY,
        ]),
      )
      .describe(
        `Which value goes under which key; default ${Object.values(INFLUXDB_SECRET_KEYS).join(", ")}.`,
      )
      .prefault({}),
  })
  .meta({
    id: "InfluxSecret",
    description: "The Kubernetes Secret that gets an InfluxDB user's credentials.",
  });

const IN_THE_CLEAR = "would send passwords in the clear; use https, or ask for it with allowHttp: true";

const influxdb = z
  .strictObject({
    url: url.describe("Where Telegraf writes and Grafana reads."),
    adminUrl: url.describe("Where `pulumi up` reaches it to make the users; default `url`.").optional(),
    allowHttp: z.boolean().describe("Passwords over plain HTTP have to be asked for.").default(false),
    ca: pemText(20_000)
      .describe("Certificate, or chain, that signs the server's; PEM text. Default the system's.")
      .optional(),
    database: z
      .string()
      .max(64)
      .regex(/^[A-Za-z0-9_-]+$/, 'is made of letters, digits, "_" and "-"')
      .refine((name) => name !== "_internal", "is InfluxDB's own")
      .meta(cel(["self != '_internal'", "is InfluxDB's own"]))
      .describe("Made where it isn't there; never deleted."),
    admin: z
      .strictObject({
        username: z
          .string()
          .max(100)
          .regex(/^[A-Za-z0-9._@-]+$/, 'is made of letters, digits, ".", "_", "@" and "-"'),
        password: credentialSource,
      })
      .describe("An administrator of InfluxDB, who makes the other users."),
  })
  .superRefine(({ allowHttp, ...urls }, context) => {
    for (const field of ["url", "adminUrl"] as const) {
      if (allowHttp || !urls[field]?.startsWith("http:")) continue;
      context.addIssue({ code: "custom", path: [field], message: IN_THE_CLEAR });
    }
  })
  .meta({
    title: "InfluxDB",
    description: "An InfluxDB 1.x with authentication.",
    ...cel([
      `${celField("self", "allowHttp", "false")} || !(self.url.startsWith('http:') || ${celField("self", "adminUrl", "''")}.startsWith('http:'))`,
      IN_THE_CLEAR,
    ]),
  });

export const telemetry = z
  .strictObject({
    influxdb,
    telegraf: z
      .strictObject({
        reader: dnsLabel(50)
          .describe(
            "Which of `mqtt.readers` it is at the broker; left out where somebody else makes the users.",
          )
          .optional(),
        secret: influxSecret,
        generation: userGeneration,
      })
      .describe("Writes what the devices' sensors say; its user may only write.")
      .optional(),
    grafana: z
      .strictObject({ secret: influxSecret, generation: userGeneration })
      .describe("Shows it; its user may only read.")
      .optional(),
  })
  .refine(({ telegraf, grafana }) => telegraf !== undefined || grafana !== undefined, {
    error: "needs telegraf, grafana or both",
  })
  .meta({
    title: "Telemetry",
    description: "From the devices' sensors to a dashboard; see docs/telemetry.md.",
    ...cel(["has(self.telegraf) || has(self.grafana)", "needs telegraf, grafana or both"]),
  });

type SecretPlace = { name: string; namespace?: string | undefined };
interface Cluster {
  namespace: string;
  mqtt: {
    broker: { kind: string };
    readers: { name: string; secret: SecretPlace }[];
    applications: { name: string; secret: SecretPlace }[];
  };
  telemetry?: z.output<typeof telemetry> | undefined;
}

/** What fits together in no cluster: Telegraf's reader, and Secrets that two would write. */
export function telemetryProblems(spec: Cluster): { path: PropertyKey[]; message: string }[] {
  const { telemetry, mqtt } = spec;
  if (!telemetry) return [];
  const problems: { path: PropertyKey[]; message: string }[] = [];
  const place = ({ namespace = spec.namespace, name }: SecretPlace) => `${namespace}/${name}`;
  const taken = new Map<string, string>();
  for (const list of ["readers", "applications"] as const) {
    for (const user of mqtt[list]) taken.set(place(user.secret), `mqtt.${list} "${user.name}"`);
  }
  for (const program of ["telegraf", "grafana"] as const) {
    const secret = telemetry[program]?.secret;
    if (!secret) continue;
    const other = taken.get(place(secret));
    const path = ["telemetry", program, "secret", "name"];
    if (other) problems.push({ path, message: `is the Secret of ${other}; it needs one of its own` });
    taken.set(place(secret), program);
  }
  const reader = telemetry.telegraf?.reader;
  const path = ["telemetry", "telegraf", "reader"];
  if (reader !== undefined && !mqtt.readers.some(({ name }) => name === reader)) {
    problems.push({ path, message: `mqtt.readers has no "${reader}"` });
  }
  if (telemetry.telegraf && reader === undefined && mqtt.broker.kind !== "external") {
    problems.push({
      path: path.slice(0, 2),
      message: "needs `reader`, the one of mqtt.readers that it connects as",
    });
  }
  return problems;
}

const READERS = celField("self.mqtt", "readers", "[]");
const place = (secret: string) => `${celField(secret, "namespace", "self.namespace")} + '/' + ${secret}.name`;
const taken = (list: string) =>
  `(has(self.mqtt.${list}) && self.mqtt.${list}.exists(user, ${place("user.secret")} == `;

function ownSecret(program: "telegraf" | "grafana"): [rule: string, message: string] {
  const secret = place(`self.telemetry.${program}.secret`);
  const isTaken = ["readers", "applications"].map((list) => `${taken(list)}${secret}))`).join(" || ");
  return [
    `!has(self.telemetry) || !has(self.telemetry.${program}) || !(${isTaken})`,
    `the Secret of telemetry.${program} is one of mqtt.readers or mqtt.applications; it needs one of its own`,
  ];
}

/** `telemetryProblems` as rules about a cluster's spec; more than a CRD's budget allows for. */
export const TELEMETRY_RULES: [rule: string, message: string][] = [
  ownSecret("telegraf"),
  ownSecret("grafana"),
  [
    "!has(self.telemetry) || !has(self.telemetry.telegraf) || !has(self.telemetry.grafana) || " +
      `${place("self.telemetry.telegraf.secret")} != ${place("self.telemetry.grafana.secret")}`,
    "telemetry.telegraf and telemetry.grafana need a Secret each",
  ],
  [
    "!has(self.telemetry) || !has(self.telemetry.telegraf) || (has(self.telemetry.telegraf.reader) " +
      `? ${READERS}.exists(reader, reader.name == self.telemetry.telegraf.reader) ` +
      ": self.mqtt.broker.kind == 'external')",
    "telemetry.telegraf.reader must be one of mqtt.readers; it may be left out for an external broker alone",
  ],
];
