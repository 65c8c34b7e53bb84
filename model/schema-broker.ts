// Schema of a cluster's broker: what kind it is, how it gets its users, and who may make them. Pure; touches nothing.
import { z } from "zod";
import { cel, celField, celList, celMatches, celText } from "./cel.ts";
import { liveKind, MANAGEMENT_SCHEMES, MECHANISMS, mechanismOf } from "./mqtt-broker.ts";
import { NVS_STRING_MAX } from "./nvs-type.ts";
import { credentialCondition, secretSource } from "./schema-parts.ts";
import { pemText, plainText, plainTextCondition } from "./schema-text.ts";

const HOST =
  /^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const IPV6 = /^[0-9A-Fa-f:]{2,39}$/;

/** For a device, which keeps it in its NVS. */
export const pemCertificates = pemText(
  NVS_STRING_MAX,
  `must fit an NVS string: at most ${NVS_STRING_MAX} characters`,
);

const MADE_UP = "nobody would know it; take it from fromConfig, fromEnv or fromSecret";
const adminSecret = secretSource
  .refine((source) => !("random" in source), MADE_UP)
  .meta(cel(["!has(self.random)", MADE_UP]));

const NAME_MAX = 200;

const admin = z
  .strictObject({
    username: z
      .union([plainText(NAME_MAX).min(1), adminSecret], {
        error: "expected a name, or a source such as { fromConfig: brokerAdmin }",
      })
      .describe("Its name (for EMQX an API key), or where that comes from."),
    password: adminSecret,
  })
  .meta({
    title: "Administrator",
    description: "Who makes the users at a broker that takes them live. Kept encrypted in Pulumi's state.",
  });

/** Of an administrator's name, which no CRD can say: text, or where it comes from. About the whole object. */
export const ADMIN_NAME_RULES: [rule: string, message: string][] = [
  [
    "!has(object.spec.mqtt.broker.admin) || " +
      `${plainTextCondition("object.spec.mqtt.broker.admin.username", NAME_MAX)} || ` +
      `${credentialCondition("object.spec.mqtt.broker.admin.username")}`,
    "mqtt.broker.admin.username: expected a name, or a source such as { fromConfig: brokerAdmin }",
  ],
];

const ADDRESS =
  /^[a-z][a-z0-9+.-]{0,20}:\/\/([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:]{2,39}\])(:[0-9]{1,5})?(\/[A-Za-z0-9._~-]+)*\/?$/;
const MORE = /[@?#]/;
const NO_ADDRESS = "must be an address such as https://mqtt.example:15671";

const management = z
  .strictObject({
    url: z
      .string()
      .max(500)
      .refine((text) => !MORE.test(text), "must have no user, query or fragment in it")
      .refine((text) => MORE.test(text) || (ADDRESS.test(text) && URL.canParse(text)), NO_ADDRESS)
      .meta({ pattern: ADDRESS.source })
      .describe("Default on the broker's host: mqtts:// as devices connect, https:// on 15671 or 18084.")
      .optional(),
    tls: z
      .boolean()
      .describe("`false` allows an address without TLS, over which the administrator's password can be read.")
      .default(true),
    ca: pemCertificates.describe("Signs the API's certificate; default `mqtt.ca`. PEM text.").optional(),
  })
  .meta({ title: "Management", description: "Where the broker's API is." });

const ONE_REFERENCE = "names one RabbitMQ: { name: NAME } or { connectionSecret: { name: NAME } }";
const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be the name of a Kubernetes object");

const rabbitmqCluster = z
  .strictObject({
    name: objectName.describe("Of the RabbitmqCluster.").optional(),
    connectionSecret: z
      .strictObject({ name: objectName })
      .describe("Secret with `uri`, `username` and `password` of a RabbitMQ that no cluster operator runs.")
      .optional(),
    namespace: objectName.max(63).describe("Where that is; default the cluster's own.").optional(),
  })
  .refine(
    ({ name, connectionSecret }) => (name === undefined) !== (connectionSecret === undefined),
    ONE_REFERENCE,
  )
  .meta({
    title: "RabbitmqCluster",
    description: "At which RabbitMQ its messaging topology operator makes the users.",
    ...cel(["has(self.name) != has(self.connectionSecret)", ONE_REFERENCE]),
  });

const NO_HOST = "must be a host name or an address, without scheme and port";
const LIVE =
  "(has(self.mechanism) ? self.mechanism in ['dynsec', 'api'] : self.kind in ['rabbitmq', 'emqx'])";
const DYNSEC = "(has(self.mechanism) && self.mechanism == 'dynsec')";
const PLAIN_ALLOWED = "(has(self.management) && has(self.management.tls) && !self.management.tls)";
const HAS_URL = "(has(self.management) && has(self.management.url))";
const scheme = (of: "secure" | "plain") => {
  const [dynsec, http] = of === "secure" ? ["mqtts:", "https:"] : ["mqtt:", "http:"];
  return `self.management.url.startsWith(${DYNSEC} ? ${celText(dynsec!)} : ${celText(http!)})`;
};
/** What `superRefine` below says. */
const RULES: [rule: string, message: string][] = [
  [
    `!has(self.mechanism) || ${Object.entries(MECHANISMS)
      .map(([kind, of]) => `(self.kind == ${celText(kind)} && self.mechanism in ${celList(of)})`)
      .join(" || ")}`,
    "this kind of broker has no such mechanism",
  ],
  [
    `${LIVE} == has(self.admin)`,
    "a broker that takes its users live needs admin: { username: NAME, password: { fromConfig: KEY } }; any other needs none",
  ],
  [
    "(has(self.mechanism) && self.mechanism == 'operator') == has(self.cluster)",
    "mechanism operator, and no other, needs cluster: { name: NAME }",
  ],
  [`${LIVE} || !has(self.management)`, "management is for a broker that takes its users live; remove it"],
  ["self.kind == 'rabbitmq' || !has(self.vhost)", "only RabbitMQ has virtual hosts"],
  [
    `!${LIVE} || !${HAS_URL} || ${scheme("secure")} || (${scheme("plain")} && ${PLAIN_ALLOWED})`,
    "management.url must begin with https:// (mqtts:// for dynsec); without TLS only with management.tls: false",
  ],
  [
    `!${DYNSEC} || ${celField("self", "tls", "true")} || ${PLAIN_ALLOWED} || ${HAS_URL}`,
    "the administrator's password would go without TLS, as the broker has none; say so with management: { tls: false }",
  ],
];

export const broker = z
  .strictObject({
    kind: z
      .enum(["mosquitto", "rabbitmq", "emqx", "external"])
      .describe("`external`: a broker that somebody else runs; devices are only told how to reach it."),
    mechanism: z
      .enum(["files", "dynsec", "api", "definitions", "operator"])
      .describe(
        "How it gets its users. mosquitto: `files` (default) or `dynsec`. rabbitmq: `api` (default), `definitions` or `operator`. emqx: `api`.",
      )
      .optional(),
    host: z
      .string()
      .max(253)
      .refine((host) => HOST.test(host) || (host.includes(":") && IPV6.test(host)), {
        error: NO_HOST,
      })
      .meta(
        cel([`${celMatches("self", HOST)} || (self.contains(':') && ${celMatches("self", IPV6)})`, NO_HOST]),
      ),
    port: z.int().min(1).max(65535).describe("Default 8883 with TLS, 1883 without.").optional(),
    tls: z.boolean().describe("Plain MQTT has to be asked for with `tls: false`.").default(true),
    admin: admin.optional(),
    management: management.optional(),
    cluster: rabbitmqCluster.optional(),
    vhost: z
      .string()
      .min(1)
      .max(200)
      .regex(/^[A-Za-z0-9_./-]+$/, 'is made of letters, digits, "_", ".", "/" and "-"')
      .describe("RabbitMQ's virtual host, its `mqtt.vhost`; made where it isn't there. Default `/`.")
      .optional(),
  })
  .superRefine((written, context) => {
    const problem = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    const { kind, admin, management, vhost } = written;
    const known: readonly string[] = MECHANISMS[kind];
    if (written.mechanism !== undefined && !known.includes(written.mechanism)) {
      const choice = known.length === 0 ? "leave it out" : `choose ${known.join(" or ")}`;
      return problem(["mechanism"], `${kind} has no mechanism "${written.mechanism}"; ${choice}`);
    }
    const mechanism = mechanismOf(written);
    const live = liveKind(written);
    const of = `${kind}${mechanism ? `, mechanism ${mechanism},` : ""}`;
    if (live && !admin) {
      problem(
        ["admin"],
        `${of} takes its users live and needs an administrator: { username: NAME, password: { fromConfig: KEY } }`,
      );
    }
    if (!live && admin) problem(["admin"], `${of} needs no administrator; remove it`);
    if (!live && management) problem(["management"], `${of} is not talked to; remove it`);
    if ((mechanism === "operator") !== (written.cluster !== undefined)) {
      problem(
        ["cluster"],
        mechanism === "operator"
          ? `${of} needs to know at which RabbitMQ: { name: NAME } of its RabbitmqCluster`
          : `${of} needs no RabbitmqCluster; remove it`,
      );
    }
    if (kind !== "rabbitmq" && vhost !== undefined) problem(["vhost"], "only RabbitMQ has virtual hosts");
    if (live) checkManagement(live, written, problem);
  })
  .meta({ title: "Broker", ...cel(...RULES) });

function checkManagement(
  live: keyof typeof MANAGEMENT_SCHEMES,
  { tls, management }: { tls: boolean; management?: { url?: string | undefined; tls: boolean } | undefined },
  problem: (path: string[], message: string) => void,
): void {
  const [secure, plain] = MANAGEMENT_SCHEMES[live];
  const allowed = management?.tls === false;
  if (management?.url === undefined) {
    if (live === "dynsec" && !tls && !allowed) {
      problem(
        ["management"],
        "the administrator's password would go without TLS, as the broker has none; say so with { tls: false }",
      );
    }
    return;
  }
  if (!URL.canParse(management.url)) return;
  const { protocol } = new URL(management.url);
  if (protocol !== secure && protocol !== plain) {
    problem(["management", "url"], `must begin with ${secure}//`);
  } else if (protocol === plain && !allowed) {
    problem(
      ["management", "url"],
      `would send the administrator's password without TLS; use ${secure}//, or say so with "tls: false" beside it`,
    );
  }
}
