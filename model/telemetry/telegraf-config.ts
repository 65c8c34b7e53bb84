// Telegraf's configuration: from the devices' topics into InfluxDB. Holds no secret: names of environment variables.
// Pure; touches nothing. https://docs.influxdata.com/telegraf/v1/configuration/
import { createHash } from "node:crypto";
import { brokerUsername } from "../mqtt-access.ts";
import { brokerPort } from "../mqtt-broker.ts";
import type { DevicesClusterSpec } from "../schema.ts";
import { USER_SECRET_KEYS } from "../schema-mqtt.ts";
import { urlHost } from "../url-host.ts";
import type { PlannedSensor, TelemetrySpec } from "./telemetry-plan.ts";

/** Where the ConfigMap is mounted; its files refer to each other. */
export const TELEGRAF_FOLDER = "/etc/telegraf";

/**
 * The files of the folder that Telegraf reads: `telegraf.conf`, and certificates where the cluster names some.
 * Sensors publish numbers; each becomes the field `value` of a measurement that is called as the sensor, with the tag
 * `device`.
 */
export function telegrafFiles(
  namespace: string,
  mqtt: DevicesClusterSpec["mqtt"],
  telemetry: TelemetrySpec,
  sensors: readonly PlannedSensor[],
): Record<string, string> {
  const input = sensors.length === 0 ? [] : mqttConsumer(namespace, mqtt, telemetry, sensors);
  const lines = [
    "# Written by Edgeflock from the cluster's manifests; a change here is undone by the next pulumi up.",
    "[agent]",
    '  interval = "10s"',
    '  flush_interval = "10s"',
    "  omit_hostname = true",
    "",
    ...input,
    ...influxOutput(telemetry),
  ];
  return {
    "telegraf.conf": `${lines.join("\n")}\n`,
    ...(mqtt.ca !== undefined && { "mqtt-ca.pem": mqtt.ca }),
    ...(telemetry.influxdb.ca !== undefined && { "influxdb-ca.pem": telemetry.influxdb.ca }),
  };
}

function mqttConsumer(
  namespace: string,
  mqtt: DevicesClusterSpec["mqtt"],
  { telegraf }: TelemetrySpec,
  sensors: readonly PlannedSensor[],
): string[] {
  const { broker, topicRoot, ca } = mqtt;
  const server = `${broker.tls ? "ssl" : "tcp"}://${urlHost(broker.host)}:${brokerPort(broker)}`;
  const keys = mqtt.readers.find(({ name }) => name === telegraf?.reader)?.secret.keys ?? USER_SECRET_KEYS;
  const topics = sensors.map(({ name }) => `${topicRoot}/+/${name}`);
  const above = topicRoot.split("/").map(() => "_");
  return [
    "[[inputs.mqtt_consumer]]",
    `  servers = [${toml(server)}]`,
    `  topics = [${topics.map(toml).join(", ")}]`,
    "  # What comes while Telegraf is away is kept by the broker. A kept session keeps its topics too, so other",
    "  # topics need another session. RabbitMQ lets a user have no session but under its own name.",
    `  client_id = ${toml(telegrafClientId(namespace, telegraf?.reader, topics))}`,
    "  persistent_session = true",
    "  qos = 1",
    '  topic_tag = ""',
    `  username = "\${${keys.username ?? USER_SECRET_KEYS.username}}"`,
    `  password = "\${${keys.password ?? USER_SECRET_KEYS.password}}"`,
    ...(broker.tls && ca !== undefined ? [`  tls_ca = ${toml(`${TELEGRAF_FOLDER}/mqtt-ca.pem`)}`] : []),
    '  data_format = "value"',
    '  data_type = "float"',
    "  [[inputs.mqtt_consumer.topic_parsing]]",
    `    topic = ${toml(`${topicRoot}/+/+`)}`,
    `    measurement = ${toml([...above, "_", "measurement"].join("/"))}`,
    `    tags = ${toml([...above, "device", "_"].join("/"))}`,
    "",
  ];
}

/** Begins with the reader's username: see `permissions` in builders/rabbitmq. */
function telegrafClientId(namespace: string, reader: string | undefined, topics: readonly string[]): string {
  const own = `telegraf-${namespace}-${shortDigest(topics)}`;
  return reader === undefined ? own : `${brokerUsername("reader", reader)}.${own}`;
}

function influxOutput({ influxdb, telegraf }: TelemetrySpec): string[] {
  const keys = telegraf!.secret.keys;
  return [
    "[[outputs.influxdb]]",
    `  urls = ["\${${keys.url}}"]`,
    `  database = "\${${keys.database}}"`,
    "  # Its user may write and do nothing else.",
    "  skip_database_creation = true",
    `  username = "\${${keys.username}}"`,
    `  password = "\${${keys.password}}"`,
    ...(influxdb.ca === undefined ? [] : [`  tls_ca = ${toml(`${TELEGRAF_FOLDER}/influxdb-ca.pem`)}`]),
  ];
}

/** A basic string of TOML, whose escapes are those of JSON. */
function toml(text: string): string {
  return JSON.stringify(text);
}

function shortDigest(topics: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(topics)).digest("hex").slice(0, 8);
}
