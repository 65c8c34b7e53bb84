// Everything that somebody can try at a broker: what the rights say of it, and what a real broker lets through.
import type { IClientOptions, MqttClient } from "mqtt";
import type { TopicRight } from "../../model/mqtt-access.ts";

/** A broker that runs. */
export interface TestBroker {
  /** @throws where the broker refuses */
  connect(options: IClientOptions): Promise<MqttClient>;
  /** Whether it refuses a subscription that reaches further than the rights, rather than what comes by it. */
  readonly strict: boolean;
  /** For one whose processes hand messages on in their own time: how long after the last awaited one others may come. */
  readonly lag?: number;
  /** Whether it ends the connection of who subscribes to what it may not, and with it other subscriptions. */
  readonly endsConnections?: boolean;
}

export interface Principal {
  name: string;
  login: { username?: string; password?: string };
  /** Its client ids begin with it and a dot, where a broker minds them. */
  clientId?: string;
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

/** Whether whatever one filter reaches the other reaches too. */
function covers(wide: string, narrow: string): boolean {
  const [levels, parts] = [wide.split("/"), narrow.split("/")];
  if (narrow.startsWith("$") && ["#", "+"].includes(levels[0]!)) return false;
  for (const [index, level] of levels.entries()) {
    if (level === "#") return true;
    const part = parts[index];
    if (part === undefined || part === "#" || (level !== "+" && level !== part)) return false;
  }
  return levels.length === parts.length;
}

function permits({ rights }: Principal, want: "read" | "write", topic: string): boolean {
  return rights.some(({ access, topic: filter }) => access.includes(want) && matches(filter, topic));
}

const WRITES: readonly string[] = ["publish", "publish retained", "will"];

/** Topics that an action reaches, as the rights say. */
function allowed(principal: Principal, action: (typeof ACTIONS)[number], topics: string[]): Set<string> {
  const want = WRITES.includes(action) ? "write" : "read";
  return new Set(topics.filter((topic) => permits(principal, want, topic)));
}

function allowedBy(broker: TestBroker, principal: Principal, filter: string, topics: string[]): Set<string> {
  const taken =
    !broker.strict ||
    principal.rights.some((right) => right.access.includes("read") && covers(right.topic, filter));
  const reached = topics.filter((topic) => matches(filter, topic) && permits(principal, "read", topic));
  return new Set(taken ? reached : []);
}

/** One line a cell, what the rights say. The broker's own topics are nobody's. */
export function expectedCells(broker: TestBroker, principal: Principal, topics: string[]): string[] {
  const cells = ACTIONS.flatMap((action) => {
    const reached = allowed(principal, action, topics);
    return topics.map((topic) => cell(action, topic, reached.has(topic)));
  });
  return [
    ...cells,
    ...WILDCARDS.map((filter) => wildcardCell(filter, allowedBy(broker, principal, filter, topics))),
  ];
}

/** The same lines, as it went. */
export async function observedCells(
  broker: TestBroker,
  observer: IClientOptions,
  principal: Principal,
  topics: string[],
): Promise<string[]> {
  const trial = new Trial(broker, observer, principal);
  const awaited = (action: (typeof ACTIONS)[number]) => allowed(principal, action, topics);
  const reached: Record<(typeof ACTIONS)[number], Set<string>> = {
    publish: await trial.published(topics, false, awaited("publish")),
    "publish retained": await trial.published(topics, true, awaited("publish retained")),
    will: await trial.willed(topics, awaited("will")),
    subscribe: await trial.subscribed(topics, topics, awaited("subscribe")),
    retained: await trial.retained(topics, awaited("retained")),
  };
  const cells = ACTIONS.flatMap((action) =>
    topics.map((topic) => cell(action, topic, reached[action].has(topic))),
  );
  for (const filter of WILDCARDS) {
    const awaited = allowedBy(broker, principal, filter, topics);
    cells.push(wildcardCell(filter, await trial.subscribed(topics, [filter], awaited)));
  }
  return cells;
}

/** Both, for everybody: each line with who it is about. */
export async function accessMatrix(
  broker: TestBroker,
  observer: IClientOptions,
  everybody: readonly Principal[],
  topics: string[],
): Promise<{ expected: string[]; observed: string[] }> {
  const expected: string[] = [];
  const observed: string[] = [];
  for (const principal of everybody) {
    const mark = (line: string) => `${principal.name}: ${line}`;
    expected.push(...expectedCells(broker, principal, topics).map(mark));
    observed.push(...(await observedCells(broker, observer, principal, topics)).map(mark));
  }
  return { expected, observed };
}

function wildcardCell(filter: string, reached: Set<string>): string {
  return `subscribe ${filter}: ${[...reached].sort().join(" ") || "nothing"}`;
}

function cell(action: string, topic: string, yes: boolean): string {
  return `${action} ${topic}: ${yes ? "yes" : "no"}`;
}

/**
 * Where a message does not come, something that was sent after it does, on the same connection or through the same
 * broker's single thread; only with a broker that has a `lag` the last ones that should not come get that long.
 */
class Trial {
  readonly #broker: TestBroker;
  readonly #observer: IClientOptions;
  readonly #principal: Principal;
  #connections = 0;

  constructor(broker: TestBroker, observer: IClientOptions, principal: Principal) {
    this.#broker = broker;
    this.#observer = observer;
    this.#principal = principal;
  }

  /** Topics on which what it publishes reaches the observer; retained, whom the observer comes after. */
  async published(topics: string[], retain: boolean, awaited: Set<string>): Promise<Set<string>> {
    const publish = () =>
      this.#onEach(topics, (client, topic) =>
        // Refused with a reason code: whether it is kept from the others is what the observer sees.
        client.publishAsync(topic, "of the principal", { qos: 1, retain }),
      );
    if (!retain) return this.#observe(topics, awaited, publish);
    await Promise.all((await publish()).map((client) => client.endAsync()));
    const seen = await this.#observe(topics, awaited, async () => []);
    await this.#asObserver((client) => clear(client, topics));
    return seen;
  }

  /** Topics on which its will reaches the observer. */
  async willed(topics: string[], awaited: Set<string>): Promise<Set<string>> {
    return this.#observe(topics, awaited, async () => {
      for (const topic of topics) {
        const will = { topic, payload: Buffer.from("will"), qos: 1 as const, retain: false };
        const first = await this.#connect({ will }, "with-a-will");
        if (!first) continue;
        first.stream.destroy();
        // Mosquitto lets go of the first connection, and publishes its will, before it takes the second.
        await (await this.#connect({}, "with-a-will"))?.endAsync();
      }
      return [];
    });
  }

  /** Topics on which the observer's messages reach it. */
  async subscribed(topics: string[], filters: string[], awaited: Set<string>): Promise<Set<string>> {
    return this.#receive(
      topics,
      filters,
      awaited,
      () => true,
      async () => {
        await this.#asObserver(async (observer) => {
          for (const topic of topics) await say(observer, topic, "of the observer");
        });
      },
    );
  }

  /** Topics whose retained messages it is given. */
  async retained(topics: string[], awaited: Set<string>): Promise<Set<string>> {
    await this.#asObserver(async (observer) => {
      for (const topic of topics) await say(observer, topic, "kept", true);
    });
    const seen = await this.#receive(
      topics,
      topics,
      awaited,
      (retain) => retain,
      async () => undefined,
    );
    await this.#asObserver((client) => clear(client, topics));
    return seen;
  }

  /** What comes to the principal by its subscriptions while something is done. */
  async #receive(
    topics: string[],
    filters: string[],
    awaited: Set<string>,
    counts: (retain: boolean) => boolean,
    action: () => Promise<void>,
  ): Promise<Set<string>> {
    const seen = new Set<string>();
    const clients = await this.#onEach(filters, (client, filter) => {
      if (client.listenerCount("message") === 0) {
        client.on("message", (topic, _payload, { retain }) => {
          if (topics.includes(topic) && counts(retain)) seen.add(topic);
        });
      }
      return client.subscribeAsync(filter, { qos: 1 });
    });
    if (clients.length === 0) return seen;
    await action();
    await this.#settle(clients, seen, awaited);
    await Promise.all(clients.map((client) => client.endAsync()));
    return seen;
  }

  /** What the observer sees of the topics while something is done. */
  async #observe(
    topics: string[],
    awaited: Set<string>,
    action: () => Promise<MqttClient[]>,
  ): Promise<Set<string>> {
    const seen = new Set<string>();
    await this.#asObserver(async (client) => {
      client.on("message", (topic) => seen.add(topic));
      await client.subscribeAsync(topics, { qos: 1 });
      const clients = await action();
      await this.#settle([client], seen, awaited);
      await Promise.all(clients.map((each) => each.endAsync()));
    });
    return seen;
  }

  async #settle(clients: MqttClient[], seen: Set<string>, awaited: Set<string>): Promise<void> {
    for (const client of clients) await roundTrip(client);
    const { lag } = this.#broker;
    if (lag === undefined) return;
    const until = Date.now() + 10_000;
    while (![...awaited].every((topic) => seen.has(topic)) && Date.now() < until) await sleep(20);
    await sleep(lag);
  }

  async #asObserver(action: (client: MqttClient) => Promise<void>): Promise<void> {
    const client = await this.#broker.connect(this.#observer);
    await action(client);
    if (client.connected) await client.endAsync();
  }

  /** Some brokers end the connection of who tries what it may not: then it comes again. Resolves to whom is left. */
  async #onEach(
    texts: string[],
    action: (client: MqttClient, text: string) => Promise<unknown>,
  ): Promise<MqttClient[]> {
    const clients: MqttClient[] = [];
    for (const text of texts) {
      let client = clients.at(-1);
      if (!client?.connected || this.#broker.endsConnections) {
        client = await this.#connect({}, `c${this.#connections++}`);
        if (!client) return clients;
        clients.push(client);
      }
      const closed = closing(client);
      await Promise.race([action(client, text).catch(() => undefined), closed]);
      // Refusals that only end the connection come a moment after the answer.
      if (this.#broker.lag !== undefined)
        await Promise.race([roundTrip(client).catch(() => undefined), closed]);
    }
    return clients.filter((client) => client.connected);
  }

  /** Undefined where the broker doesn't let it in. */
  async #connect(options: IClientOptions, id: string): Promise<MqttClient | undefined> {
    const { login, clientId = "principal" } = this.#principal;
    const all = { ...options, ...login, clientId: `${clientId}.${id}` };
    const client = await this.#broker.connect(all).catch(() => undefined);
    client?.on("error", () => undefined);
    return client;
  }
}

const closings = new WeakMap<MqttClient, Promise<void>>();

function closing(client: MqttClient): Promise<void> {
  const known = closings.get(client);
  if (known) return known;
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  closings.set(client, closed);
  return closed;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What the broker had for this client before is there when this is answered. */
async function roundTrip(client: MqttClient): Promise<void> {
  await client.unsubscribeAsync("nothing/of/the/kind");
}

async function clear(client: MqttClient, topics: Iterable<string>): Promise<void> {
  for (const topic of topics) await say(client, topic, "", true);
}

/** As far as the broker lets even the observer: at its own topics it may refuse, or end the connection. */
async function say(client: MqttClient, topic: string, text: string, retain = false): Promise<void> {
  const said = client.publishAsync(topic, text, { qos: 1, retain }).catch(() => undefined);
  await Promise.race([said, closing(client)]);
}
