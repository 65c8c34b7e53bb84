// A client that behaves as a board does: publishes, connects again when it is cut off, and repeats what was not
// acknowledged.
import type { IClientOptions, MqttClient } from "mqtt";
import type { TestBroker } from "./broker-matrix.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export class TirelessBoard {
  /** What it published and the broker acknowledged: "0", "1", … */
  readonly acknowledged: string[] = [];
  readonly #broker: TestBroker;
  readonly #name: string;
  #credential: IClientOptions;
  #restart = false;
  #stopped = false;
  readonly #life: Promise<void>;

  /** @param name of the device: its client id, and the level below `site/` that it publishes at */
  constructor(broker: TestBroker, name: string, credential: IClientOptions) {
    this.#broker = broker;
    this.#name = name;
    this.#credential = credential;
    this.#life = this.#live();
  }

  /** Flashed with another credential: it goes off in the midst of things, and comes back under the same client id. */
  async restartWith(credential: IClientOptions): Promise<void> {
    this.#credential = credential;
    this.#restart = true;
    await this.sentMore(20);
  }

  async sentMore(count: number): Promise<void> {
    const until = this.acknowledged.length + count;
    while (this.acknowledged.length < until) await sleep(10);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#life;
  }

  async #live(): Promise<void> {
    let client = await this.#connect();
    for (let count = 0; !this.#stopped; count++) {
      while (!(await this.#publish(client, String(count)))) {
        await client.endAsync(true).catch(() => undefined);
        client = await this.#connect();
      }
      this.acknowledged.push(String(count));
      await sleep(20);
    }
    await client.endAsync();
  }

  async #publish(client: MqttClient, message: string): Promise<boolean> {
    if (this.#restart || !client.connected) {
      this.#restart = false;
      return false;
    }
    return client.publishAsync(`site/${this.#name}/state`, message, { qos: 1 }).then(
      () => true,
      () => false,
    );
  }

  async #connect(): Promise<MqttClient> {
    for (;;) {
      const options = { ...this.#credential, clientId: this.#name };
      const client = await this.#broker.connect(options).catch(() => undefined);
      if (client) return client.on("error", () => undefined);
      await sleep(50);
    }
  }
}
