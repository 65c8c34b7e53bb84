// Commands to Mosquitto's dynamic security plugin, over MQTT. Connects to the broker.
// https://mosquitto.org/documentation/dynamic-security/
import { randomBytes } from "node:crypto";
import type { MqttClient } from "mqtt";
import { BrokerError } from "./broker-error.ts";
import type { Administrator, LiveTarget } from "./live-broker.ts";

const TOPIC = "$CONTROL/dynamic-security/v1";
/** The broker answers a batch at once, and writes its file for each command in it. */
const ANSWER_WITHIN = 60_000;
const FIRST_ANSWER_WITHIN = 10_000;
const CONNECT_WITHIN = 15_000;
/** Commands in one message. */
const BATCH = 100;

export type Command = { command: string } & Record<string, unknown>;

interface Answer {
  command: string;
  correlationData?: string;
  error?: string;
  data?: unknown;
}

type Waiting = { resolve: (answers: Answer[]) => void; reject: (error: Error) => void; answers: Answer[] };

export class DynsecConnection {
  readonly #client: MqttClient;
  readonly #url: string;
  /** The batch that is being answered; one at a time. */
  #waiting: { id: string; count: number; of: Waiting } | undefined;
  #answered = false;

  private constructor(client: MqttClient, url: string) {
    this.#client = client;
    this.#url = url;
    client.on("message", (_topic, payload) => this.#receive(payload));
    client.on("error", (error) => this.#fail(error));
    client.on("close", () => this.#fail(new Error("the connection was closed")));
  }

  static async open({ url, ca }: LiveTarget, admin: Administrator): Promise<DynsecConnection> {
    const { connectAsync } = await import("mqtt");
    const client = await connectAsync(
      url,
      {
        ...admin,
        ...(ca !== undefined && { ca }),
        clientId: `edgeflock-${randomBytes(8).toString("hex")}`,
        protocolVersion: 5,
        reconnectPeriod: 0,
        connectTimeout: CONNECT_WITHIN,
      },
      false,
    ).catch((error: Error & { code?: unknown }) => {
      // Reason codes of MQTT: bad user name or password, not authorized.
      const refused = [4, 5, 134, 135].includes(Number(error.code));
      throw new BrokerError(
        refused
          ? `The broker at ${url} refuses the administrator "${admin.username}".`
          : `The broker at ${url} cannot be reached: ${error.message}.`,
        { refused },
      );
    });
    const connection = new DynsecConnection(client, url);
    await client.subscribeAsync(`${TOPIC}/response`, { qos: 1 }).catch(async () => {
      await connection.close();
      throw connection.#noPlugin();
    });
    return connection;
  }

  /** Sends commands and resolves to what each answered. @throws BrokerError with the first that failed */
  async send(commands: Command[]): Promise<unknown[]> {
    const data: unknown[] = [];
    for (let start = 0; start < commands.length; start += BATCH) {
      const batch = commands.slice(start, start + BATCH);
      for (const [index, answer] of (await this.#sendBatch(batch)).entries()) {
        if (answer.error === undefined) data.push(answer.data);
        else throw new BrokerError(`${this.#url}: ${describe(batch[index]!)}: ${answer.error}.`);
      }
    }
    return data;
  }

  async close(): Promise<void> {
    this.#client.removeAllListeners("close");
    await this.#client.endAsync().catch(() => undefined);
  }

  async #sendBatch(batch: Command[]): Promise<Answer[]> {
    const id = randomBytes(6).toString("hex");
    const commands = batch.map((command, index) => ({ ...command, correlationData: `${id}/${index}` }));
    const answered = new Promise<Answer[]>((resolve, reject) => {
      this.#waiting = { id, count: batch.length, of: { resolve, reject, answers: [] } };
    });
    answered.catch(() => undefined);
    const within = this.#answered ? ANSWER_WITHIN : FIRST_ANSWER_WITHIN;
    const timer = setTimeout(() => this.#waiting?.of.reject(this.#noAnswer(within)), within);
    try {
      await this.#client.publishAsync(TOPIC, JSON.stringify({ commands }), { qos: 1 }).catch(() => {
        throw this.#noPlugin();
      });
      const answers = await answered;
      this.#answered = true;
      return answers;
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  /** Answers go to whoever asked; the correlation is checked all the same. */
  #receive(payload: Buffer): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    const { responses } = JSON.parse(payload.toString()) as { responses?: Answer[] };
    const { of, id, count } = waiting;
    for (const answer of responses ?? []) {
      const [batch, index] = answer.correlationData?.split("/") ?? [];
      if (batch === id) of.answers[Number(index)] = answer;
    }
    if (Object.keys(of.answers).length === count) of.resolve(of.answers);
  }

  #fail(error: Error): void {
    this.#waiting?.of.reject(new BrokerError(`The broker at ${this.#url}: ${error.message}.`));
  }

  /** Where it has answered before, it is only slow: it writes its whole file for each command. */
  #noAnswer(within: number): BrokerError {
    if (!this.#answered) return this.#noPlugin();
    return new BrokerError(`The broker at ${this.#url} did not answer a command within ${within / 1000} s.`);
  }

  #noPlugin(): BrokerError {
    return new BrokerError(
      `The broker at ${this.#url} answers no commands for its users: it has no dynamic security plugin, or the administrator may not use it.`,
      { refused: true },
    );
  }
}

/** What it was about; never a password. */
function describe(command: Command): string {
  return `${command.command} ${command.username ?? command.rolename ?? ""}`.trim();
}
