// A user's rights as RabbitMQ's permissions: regular expressions (PCRE) over names of queues and exchanges, and over
// routing keys of the exchange that carries MQTT. Pure. https://www.rabbitmq.com/docs/access-control
import type { BrokerUser, TopicRight } from "../../model/mqtt-access.ts";

/** The MQTT plugin's default, `mqtt.exchange`. */
export const MQTT_EXCHANGE = "amq.topic";

export interface Permissions {
  configure: string;
  write: string;
  read: string;
}

export interface TopicPermissions {
  exchange: string;
  write: string;
  read: string;
}

/** Matches nothing, not even an empty name. */
const NOTHING = "(?!)";

/**
 * A client's queues are named after its client id, and hold what waits for it: with any other id a stolen board could
 * empty another's. So the id is the device's name (a user's username), or begins with it and one of `.:/`, which no
 * name or username has: with "_", a device that is called "reader" could take the session of "reader_recorder".
 */
export function permissions({ clientId }: Pick<BrokerUser, "clientId">): Permissions {
  const id = `${escaped(clientId)}([.:/].*)?`;
  const queues = `mqtt-(subscription-${id}qos[01]|will-${id})`;
  const all = `^(${escaped(MQTT_EXCHANGE)}|${queues})\\z`;
  return { configure: `^${queues}\\z`, write: all, read: all };
}

/** The client id that permissions were made for; undefined for somebody else's. */
export function boundClientId({ configure }: Pick<Permissions, "configure">): string | undefined {
  const [, id] = /^\^mqtt-\(subscription-(.*?)\(\[[^\]]*\]\.\*\)\?qos/.exec(configure) ?? [];
  return id?.replace(/\\(.)/g, "$1");
}

const QUEUE = /^mqtt-(?:subscription-(.*)qos[01]|will-(.*))$/s;

/** The client id, as a user is bound to it, of whom a queue belongs to; undefined for one that is not of MQTT. */
export function queueOwner(queue: string): string | undefined {
  const [, subscription, will] = QUEUE.exec(queue) ?? [];
  return (subscription ?? will)?.split(/[.:/]/, 1)[0];
}

/** Whether who has these rights may be subscribed by a binding with this key. */
export function mayRead(rights: readonly TopicRight[], routingKey: string): boolean {
  const { read } = topicPermissions({ rights });
  // RabbitMQ's PCRE knows `\z`; JavaScript's `$` is the same without the flag m.
  return new RegExp(read.replaceAll("\\z", "$")).test(routingKey);
}

export function topicPermissions({ rights }: { rights: readonly TopicRight[] }): TopicPermissions {
  const may = (access: "read" | "write") =>
    anyOf(rights.filter((right) => right.access.includes(access)).map(({ topic }) => topic));
  return { exchange: MQTT_EXCHANGE, write: may("write"), read: may("read") };
}

function anyOf(filters: TopicRight["topic"][]): string {
  return filters.length === 0 ? NOTHING : `^(${filters.map(routingKeys).join("|")})\\z`;
}

/**
 * In a routing key "/" is ".". Who subscribes is checked with the filter as the key, its "+" as "*": so a level that
 * may be anything must still not be "#", which stands for many.
 */
function routingKeys(filter: string): string {
  const levels = filter.split("/");
  const rest = levels.at(-1) === "#" ? levels.pop() && "(\\..*)?" : "";
  return levels.map((level) => (level === "+" ? "[^.#]+" : escaped(level))).join("\\.") + rest;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&");
}
