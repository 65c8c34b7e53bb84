// JSON over HTTP(S) with a name and a password, for the APIs of brokers. Connects to them; verifies certificates.
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { BrokerError } from "./broker-error.ts";
import type { Administrator, LiveTarget } from "./live-broker.ts";

const ANSWER_WITHIN = 120_000;
const MAX_SHOWN = 300;

export interface Answer {
  status: number;
  body: string;
}

export class HttpApi {
  readonly #target: LiveTarget;
  readonly #admin: Administrator;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(target: LiveTarget, admin: Administrator) {
    this.#target = target;
    this.#admin = admin;
    this.#agent = target.url.startsWith("https:")
      ? new HttpsAgent({ keepAlive: true, ca: target.ca })
      : new HttpAgent({ keepAlive: true });
  }

  /** @throws BrokerError for every status but 2xx */
  async get<T>(path: string): Promise<T> {
    return this.json<T>("GET", path);
  }

  /** @throws BrokerError for every status but 2xx and those that are `fine`, for which it resolves to undefined */
  async json<T>(method: string, path: string, body?: unknown, fine: number[] = []): Promise<T> {
    const answer = await this.#send(method, path, body);
    if (answer.status >= 200 && answer.status < 300) {
      return (answer.body === "" ? undefined : JSON.parse(answer.body)) as T;
    }
    if (fine.includes(answer.status)) return undefined as T;
    throw this.#explain(method, path, answer);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, body: unknown): Promise<Answer> {
    const { url } = this.#target;
    const request = url.startsWith("https:") ? httpsRequest : httpRequest;
    const { username, password } = this.#admin;
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        `${url}${path}`,
        {
          method,
          agent: this.#agent,
          timeout: ANSWER_WITHIN,
          headers: {
            authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
            accept: "application/json",
            ...(text !== undefined && {
              "content-type": "application/json",
              "content-length": Buffer.byteLength(text),
            }),
          },
        },
        (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part: Buffer) => parts.push(part));
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }),
          );
          response.on("error", reject);
        },
      );
      sent.on("timeout", () => sent.destroy(new Error(`no answer within ${ANSWER_WITHIN / 1000} s`)));
      sent.on("error", reject);
      sent.end(text);
    }).catch((error: Error) => {
      throw new BrokerError(`The broker's API at ${url} cannot be reached: ${reason(error)}.`);
    }) as Promise<Answer>;
  }

  #explain(method: string, path: string, { status, body }: Answer): BrokerError {
    const { url } = this.#target;
    if (status === 401 || status === 403) {
      const why = status === 401 ? "does not know" : "denies this to";
      return new BrokerError(
        `The broker's API at ${url} ${why} the administrator "${this.#admin.username}" (${method} ${path}).`,
        { refused: true, status },
      );
    }
    return new BrokerError(
      `The broker's API at ${url} answered ${method} ${path} with ${status}: ${body.slice(0, MAX_SHOWN).trim()}`,
      { status },
    );
  }
}

/** Of several addresses that were tried, the first's. */
function reason(error: Error): string {
  const first = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  return first.message || String((error as NodeJS.ErrnoException).code);
}
