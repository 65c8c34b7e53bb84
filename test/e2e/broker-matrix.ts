// Everything that somebody can try at a broker: what the rights say of it, and what a real broker lets through.
import type { IClientOptions, MqttClient } from "mqtt";
import type { TopicRight } from "../../model/mqtt-access.ts";
import type { Mosquitto } from "./mosquitto.ts";

export interface Principal {
  name: string;
  login: { username?: string; password?: string };
  /** None for whom the broker doesn't know. */
  rights: TopicRight[];
}

export const WILDCARDS = ["#", "+/+/+", "site/#", "site/+/state", "site/b/#", "$SYS/#"];
const ACTIONS = ["publish", "publish retained", "will", "subscribe", "retained"] as const;

/** MQTT's own matching of a topic and a filter (MQTT 5.0, 4.7). */
function matches(filter: string, topic: string): boolean {
  const [levels, parts] = [filter.split("/"), topic.split("/")];
  if (topic.startsWith("$") && ["#", "+"].includes(levels[0]!)) return false;
  for (const [index, level] of levels.entries()) {
    if (level === "#") return true;
    if (index >= parts.length || (level !== "+" && level !== parts[index])) return false;
  }
  return levels.length === parts.length;
}

function permits({ rights }: Principal, want: "read" | "write", topic: string): boolean {
  return rights.some(({ access, topic: filter }) => access.includes(want) && matches(filter, topic));
}

/** One line a cell, what the rights say. The broker's own topics are nobody's. */
export function expectedCells(principal: Principal, topics: string[]): string[] {
  const writes = ["publish", "publish retained", "will"];
  const cells = ACTIONS.flatMap((action) =>
    topics.map((topic) =>
      cell(action, topic, permits(principal, writes.includes(action) ? "write" : "read", topic)),
    ),
  );
  const wild = WILDCARDS.map((filter) => {
    const reached = topics.filter((topic) => matches(filter, topic) && permits(principal, "read", topic));
    return `subscribe ${filter}: ${reached.sort().join(" ") || "nothing"}`;
  });
  return [...cells, ...wild];
}

/** The same lines, as it went. */
export async function observedCells(
  broker: Mosquitto,
  observer: IClientOptions,
  principal: Principal,
  topics: string[],
): Promise<string[]> {
  const trial = new Trial(broker, observer, principal.login);
  const reached: Record<(typeof ACTIONS)[number], Set<string>> = {
    publish: await trial.published(topics, false),
    "publish retained": await trial.published(topics, true),
    will: await trial.willed(topics),
    subscribe: await trial.subscribed(topics),
    retained: await trial.retained(topics),
  };
  const cells = ACTIONS.flatMap((action) =>
    topics.map((topic) => cell(action, topic, reached[action].has(topic))),
  );
  for (const filter of WILDCARDS) {
    const seen = [...(await trial.subscribed(topics, [filter]))];
    cells.push(`subscribe ${filter}: ${seen.sort().join(" ") || "nothing"}`);
  }
  return cells;
}

function cell(action: string, topic: string, yes: boolean): string {
  return `${action} ${topic}: ${yes ? "yes" : "no"}`;
}

/**
 * Nothing here waits for a time: where a message does not come, something that was sent after it does, on the same
 * connection or through the same broker's single thread.
 */
class Trial {
  readonly #broker: Mosquitto;
  readonly #observer: IClientOptions;
  readonly #login: IClientOptions;

  constructor(broker: Mosquitto, observer: IClientOptions, login: IClientOptions) {
    this.#broker = broker;
    this.#observer = observer;
    this.#login = login;
  }

  /** Topics on which what it publishes reaches the observer; retained, whom the observer comes after. */
  async published(topics: string[], retain: boolean): Promise<Set<string>> {
    const publish = () =>
      this.#asPrincipal(async (client) => {
        for (const topic of topics) {
          // Refused with a reason code: whether it is kept from the others is what the observer sees.
          await client.publishAsync(topic, "of the principal", { qos: 1, retain }).catch(() => undefined);
        }
      });
    if (!retain) return this.#observe(publish);
    await publish();
    const seen = await this.#observe(async () => undefined);
    await this.#asObserver((client) => clear(client, seen));
    return seen;
  }

  /** Topics on which its will reaches the observer. */
  async willed(topics: string[]): Promise<Set<string>> {
    return this.#observe(async () => {
      for (const topic of topics) {
        const will = { topic, payload: Buffer.from("will"), qos: 1 as const, retain: false };
        const clientId = "with-a-will";
        const first = await this.#broker.connect({ ...this.#login, clientId, will }).catch(() => undefined);
        if (!first) continue;
        first.on("error", () => undefined);
        first.stream.destroy();
        // The broker lets go of the first connection, and publishes its will, before it takes the second.
        await this.#broker
          .connect({ ...this.#login, clientId })
          .then((again) => again.endAsync())
          .catch(() => undefined);
      }
    });
  }

  /** Topics on which the observer's messages reach it. */
  async subscribed(topics: string[], filters = topics): Promise<Set<string>> {
    const seen = new Set<string>();
    await this.#asPrincipal(async (client) => {
      client.on("message", (topic) => topics.includes(topic) && seen.add(topic));
      for (const filter of filters) await client.subscribeAsync(filter, { qos: 1 }).catch(() => undefined);
      await this.#asObserver(async (observer) => {
        for (const topic of topics) await observer.publishAsync(topic, "of the observer", { qos: 1 });
      });
      await roundTrip(client);
    });
    return seen;
  }

  /** Topics whose retained messages it is given. */
  async retained(topics: string[]): Promise<Set<string>> {
    const seen = new Set<string>();
    await this.#asObserver(async (observer) => {
      for (const topic of topics) await observer.publishAsync(topic, "kept", { qos: 1, retain: true });
    });
    await this.#asPrincipal(async (client) => {
      client.on("message", (topic, _payload, packet) => packet.retain && seen.add(topic));
      for (const topic of topics) await client.subscribeAsync(topic, { qos: 1 }).catch(() => undefined);
      await roundTrip(client);
    });
    await this.#asObserver((client) => clear(client, topics));
    return seen;
  }

  /** What the observer sees of all topics while something is done. */
  async #observe(action: () => Promise<void>): Promise<Set<string>> {
    const seen = new Set<string>();
    await this.#asObserver(async (client) => {
      client.on("message", (topic) => seen.add(topic));
      await client.subscribeAsync(["#"], { qos: 1 });
      await action();
      await roundTrip(client);
    });
    return seen;
  }

  async #asObserver(action: (client: MqttClient) => Promise<void>): Promise<void> {
    const client = await this.#broker.connect(this.#observer);
    await action(client);
    await client.endAsync();
  }

  /** Does nothing where the broker doesn't let it in. */
  async #asPrincipal(action: (client: MqttClient) => Promise<void>): Promise<void> {
    const client = await this.#broker.connect(this.#login).catch(() => undefined);
    if (!client) return;
    await action(client);
    await client.endAsync();
  }
}

/** What the broker had for this client before is there when this is answered. */
async function roundTrip(client: MqttClient): Promise<void> {
  await client.unsubscribeAsync("nothing/of/the/kind");
}

async function clear(client: MqttClient, topics: Iterable<string>): Promise<void> {
  for (const topic of topics) await client.publishAsync(topic, "", { qos: 1, retain: true });
}
