// The users of an InfluxDB 1.x and what they may do, by its HTTP API. Calls the server; knows nothing of fleets.
// https://docs.influxdata.com/influxdb/v1/administration/authentication_and_authorization/
import { request as http } from "node:http";
import { request as https } from "node:https";
import { VisibleError } from "../model/visible-error.ts";

export interface InfluxServer {
  url: string;
  /** Certificates in PEM form; default the system's. */
  ca?: string | undefined;
}

export interface InfluxCredential {
  username: string;
  password: string;
}

interface Series {
  columns: string[];
  values?: unknown[][];
}

interface Answer {
  error?: string;
  results?: { error?: string; series?: Series[] }[];
}

const TIMEOUT = 20_000;
const MAX_ANSWER = 16 * 1024 * 1024;

/** What one user may do in one database, as InfluxDB names it: READ, WRITE, ALL PRIVILEGES. */
export type Grants = Record<string, string>;

export class InfluxRefusal extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** Statements as one user. No error names a statement: some hold a password. */
export class InfluxDb {
  readonly #server: InfluxServer;
  readonly #credential: InfluxCredential | undefined;

  constructor(server: InfluxServer, credential?: InfluxCredential) {
    this.#server = server;
    this.#credential = credential;
  }

  /**
   * The rows of all statements' series, each by column.
   *
   * @param database that names without one refer to
   * @throws InfluxRefusal where the server says no, VisibleError where it doesn't answer
   */
  async query(statement: string, database?: string): Promise<Record<string, unknown>[]> {
    const form = { q: statement, ...(database !== undefined && { db: database }) };
    const { status, text } = await this.#post("/query", new URLSearchParams(form).toString());
    const answer = parsed(text);
    const error = answer?.error ?? answer?.results?.find((result) => result.error)?.error;
    if (status !== 200 || error !== undefined || !answer) {
      throw new InfluxRefusal(error ?? `status ${status}`, status);
    }
    return (answer.results ?? [])
      .flatMap(({ series }) => series ?? [])
      .flatMap(({ columns, values }) =>
        (values ?? []).map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]]))),
      );
  }

  /** Whether the server knows this user with this password. */
  async isKnown(): Promise<boolean> {
    try {
      await this.query("SHOW DATABASES");
      return true;
    } catch (error) {
      // 403 as long as there is no administrator.
      if (error instanceof InfluxRefusal && [401, 403].includes(error.status)) return false;
      throw error;
    }
  }

  async users(): Promise<Map<string, { admin: boolean }>> {
    const rows = await this.query("SHOW USERS");
    return new Map(rows.map(({ user, admin }) => [String(user), { admin: admin === true }]));
  }

  async grants(username: string): Promise<Grants> {
    const rows = await this.query(`SHOW GRANTS FOR ${identifier(username)}`);
    return Object.fromEntries(
      rows
        .map(({ database, privilege }) => [String(database), String(privilege)] as const)
        .filter(([, privilege]) => privilege !== "NO PRIVILEGES"),
    );
  }

  #post(path: string, body: string): Promise<{ status: number; text: string }> {
    const { url, ca } = this.#server;
    const address = new URL(url.replace(/\/$/, "") + path);
    const { username, password } = this.#credential ?? {};
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(unanswered(url, error));
      const request = (address.protocol === "https:" ? https : http)(
        address,
        {
          method: "POST",
          headers: {
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": Buffer.byteLength(body),
          },
          ...(username !== undefined && { auth: `${username}:${password}` }),
          ...(ca !== undefined && { ca }),
          signal: AbortSignal.timeout(TIMEOUT),
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            text += chunk;
            if (text.length > MAX_ANSWER) request.destroy(new Error("the answer is too long"));
          });
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
          response.on("error", fail);
        },
      );
      request.on("error", fail);
      request.end(body);
    });
  }
}

/** A name in a statement. */
export function identifier(name: string): string {
  return `"${name.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`;
}

/** A text in a statement. */
export function literal(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&").replace(/\n/g, "\\n")}'`;
}

function parsed(text: string): Answer | undefined {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return undefined;
  }
}

function unanswered(url: string, error: Error): VisibleError {
  const why = error.name === "TimeoutError" ? `no answer within ${TIMEOUT / 1000} s` : error.message;
  return new VisibleError(`The InfluxDB at ${url} cannot be reached: ${why}.`, {
    hint: "Check spec.telemetry.influxdb (url, adminUrl, ca), and that it runs.",
    cause: error,
  });
}
