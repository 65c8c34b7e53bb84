// Answers as EMQX 5's HTTP API documents itself, for the calls that Edgeflock makes; keeps users in memory.
// A stand-in for tests: an EMQX cannot be had here. https://docs.emqx.com/en/emqx/latest/admin/api-docs.html
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

interface Call {
  method: string;
  path: string;
  body: unknown;
}

export class EmqxDouble {
  readonly users = new Map<string, { password: string; is_superuser: boolean }>();
  readonly rules = new Map<string, { topic: string; permission: string; action: string }[]>();
  readonly clients = new Map<string, string>();
  /** What changed something, in its order. */
  readonly writes: string[] = [];
  /** Lists no client: as if the caller were killed before it could end one. */
  hidesClients = false;
  readonly #server: Server;
  readonly #key: string;

  private constructor(key: string) {
    this.#key = `Basic ${Buffer.from(key).toString("base64")}`;
    this.#server = createServer((request, response) => {
      let text = "";
      request.on("data", (chunk: Buffer) => {
        text += chunk;
      });
      request.on("end", () => {
        const body = text === "" ? undefined : JSON.parse(text);
        const known = request.headers.authorization === this.#key;
        const [status, answer] = known
          ? this.#answer({ method: request.method!, path: request.url!, body })
          : [401, { code: "BAD_API_KEY_OR_SECRET" }];
        response.writeHead(status, { "content-type": "application/json" });
        response.end(answer === undefined ? "" : JSON.stringify(answer));
      });
    });
  }

  /** @param key `name:secret` */
  static async start(key: string): Promise<EmqxDouble> {
    const double = new EmqxDouble(key);
    await new Promise<void>((resolve) => double.#server.listen(0, "127.0.0.1", resolve));
    return double;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer({ method, path, body }: Call): [number, unknown] {
    const url = new URL(path, "http://x");
    const parts = url.pathname.split("/").map(decodeURIComponent);
    if (method !== "GET") this.writes.push(`${method} ${parts.slice(3).join("/")}`);
    if (parts[3] === "clients") return this.#client(method, parts[4], url.searchParams);
    if (url.pathname === "/api/v5/authorization/cache" && method === "DELETE") return [204, undefined];
    const users = "/api/v5/authentication/password_based:built_in_database/users";
    const rules = "/api/v5/authorization/sources/built_in_database/rules/users";
    const decoded = parts.join("/");
    const under = (base: string) =>
      decoded === base ? "" : decoded.startsWith(`${base}/`) ? parts.at(-1) : undefined;
    const user = under(users);
    if (user !== undefined) return this.#user(method, user, body, url.searchParams);
    const rule = under(rules);
    if (rule !== undefined) return this.#rule(method, rule, body, url.searchParams);
    return [404, { code: "NOT_FOUND" }];
  }

  #user(method: string, name: string, body: unknown, query: URLSearchParams): [number, unknown] {
    const shown = ([user_id, { is_superuser }]: [string, { is_superuser: boolean }]) => ({
      user_id,
      is_superuser,
    });
    if (name === "") {
      if (method === "GET") return [200, page([...this.users].map(shown), query)];
      const { user_id, ...rest } = body as { user_id: string; password: string; is_superuser: boolean };
      if (this.users.has(user_id)) return [409, { code: "ALREADY_EXISTS" }];
      this.users.set(user_id, rest);
      return [201, shown([user_id, rest])];
    }
    const known = this.users.get(name);
    if (!known) return [404, { code: "NOT_FOUND" }];
    if (method === "GET") return [200, shown([name, known])];
    if (method === "PUT") {
      this.users.set(name, body as { password: string; is_superuser: boolean });
      return [200, shown([name, known])];
    }
    this.users.delete(name);
    return [204, undefined];
  }

  #rule(method: string, name: string, body: unknown, query: URLSearchParams): [number, unknown] {
    type Entry = { username: string; rules: { topic: string; permission: string; action: string }[] };
    if (name === "") {
      const all = [...this.rules].map(([username, rules]) => ({ username, rules }));
      if (method === "GET") return [200, page(all, query)];
      const entries = body as Entry[];
      if (entries.some(({ username }) => this.rules.has(username))) return [409, { code: "ALREADY_EXISTS" }];
      for (const { username, rules } of entries) this.rules.set(username, rules);
      return [204, undefined];
    }
    if (!this.rules.has(name)) return [404, { code: "NOT_FOUND" }];
    if (method === "PUT") this.rules.set(name, (body as Entry).rules);
    else this.rules.delete(name);
    return [204, undefined];
  }

  #client(method: string, id: string | undefined, query: URLSearchParams): [number, unknown] {
    const username = query.get("username");
    if (method === "GET") {
      if (this.hidesClients) return [503, { code: "SERVICE_UNAVAILABLE" }];
      const found = [...this.clients].filter(([, user]) => user === username);
      const all = found.map(([clientid]) => ({ clientid }));
      return [200, page(all, query)];
    }
    return this.clients.delete(id!) ? [204, undefined] : [404, { code: "CLIENTID_NOT_FOUND" }];
  }
}

function page<T>(all: T[], query: URLSearchParams) {
  const [number, limit] = [Number(query.get("page")), Number(query.get("limit"))];
  const data = all.slice((number - 1) * limit, number * limit);
  return { data, meta: { page: number, limit, count: all.length, hasnext: number * limit < all.length } };
}
