// A small Kubernetes client: generic over kinds, server-side apply, kept-alive connections, a bounded
// number of requests at once. Talks to the API server, and reads the kubeconfig when it connects.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { VisibleError } from "../model/visible-error.ts";
import { type Connection, loadConnection } from "./kubeconfig.ts";
import { errorFromResponse, KubernetesError } from "./kubernetes-error.ts";
import { ResourcePaths } from "./resource-paths.ts";

export { KubernetesError } from "./kubernetes-error.ts";

/** Names an object; every Kubernetes object has this shape. */
export interface ObjectAddress {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

export interface RequestOptions {
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  /** @default application/json */
  accept?: string | undefined;
  signal?: AbortSignal | undefined;
  /** @default 30000 */
  timeoutMs?: number;
}

export interface ApplyOptions {
  fieldManager: string;
  /** Take over fields that another manager owns. @default false */
  force?: boolean;
  dryRun?: boolean;
  signal?: AbortSignal;
}

export interface DeleteOptions {
  uid?: string;
  resourceVersion?: string;
  propagationPolicy?: "Foreground" | "Background" | "Orphan";
  dryRun?: boolean;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Requests under way at once; the API server's own limit a user is far higher, a laptop's is not. */
const MAX_SOCKETS = 16;
const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_TRIES = 5;
/** https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches */
const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/** Connects by the given kubeconfig and context, else as kubectl would. Sends nothing yet. */
export async function connect(
  options: { kubeconfig?: string; context?: string } = {},
): Promise<KubernetesApi> {
  return new KubernetesApi(await loadConnection(options));
}

export class KubernetesApi {
  readonly server: string;
  readonly contextName: string;
  /** The context's namespace. */
  readonly namespace: string;
  readonly #connection: Connection;
  readonly #agent: Agent | HttpAgent;
  readonly #paths: ResourcePaths;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.server = connection.server;
    this.contextName = connection.contextName;
    this.namespace = connection.namespace;
    const pool = { keepAlive: true, maxSockets: MAX_SOCKETS };
    this.#agent = this.server.startsWith("http://")
      ? new HttpAgent(pool)
      : new Agent({ ...pool, ...connection.tls });
    this.#paths = new ResourcePaths((path) => this.request("GET", path));
  }

  /** The path of an object, or of its collection where the address has no name. */
  async pathOf(address: {
    apiVersion: string;
    kind: string;
    metadata?: { name?: string; namespace?: string };
  }): Promise<string> {
    return this.#paths.path(address);
  }

  /** Whether objects of this kind live in a namespace. @throws VisibleError for a kind the server does not know */
  async isNamespaced(kind: { apiVersion: string; kind: string }): Promise<boolean> {
    return (await this.#paths.resource(kind)).namespaced;
  }

  /** Whether the server has this kind: those of other people's operators come and go. */
  async hasKind(kind: { apiVersion: string; kind: string }): Promise<boolean> {
    try {
      await this.#paths.resource(kind);
      return true;
    } catch (error) {
      if (error instanceof VisibleError && error.cause === undefined) return false;
      throw error;
    }
  }

  async get<T = KubernetesObject>(address: ObjectAddress): Promise<T> {
    return this.request<T>("GET", await this.pathOf(address));
  }

  async getOrUndefined<T = KubernetesObject>(address: ObjectAddress): Promise<T | undefined> {
    try {
      return await this.get<T>(address);
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** All objects of a kind, in pages of 500; in every namespace where none is given. */
  async list<T = KubernetesObject>(
    of: { apiVersion: string; kind: string; namespace?: string },
    options: { labelSelector?: string; accept?: string } = {},
  ): Promise<T[]> {
    const metadata = of.namespace === undefined ? {} : { namespace: of.namespace };
    const path = await this.pathOf({ ...of, metadata });
    const items: T[] = [];
    let next: string | undefined;
    do {
      const page = await this.request<{ items: T[] | null; metadata: { continue?: string } }>("GET", path, {
        query: { limit: 500, continue: next, labelSelector: options.labelSelector },
        accept: options.accept,
      });
      for (const item of page.items ?? []) items.push({ apiVersion: of.apiVersion, kind: of.kind, ...item });
      next = page.metadata.continue || undefined;
    } while (next);
    return items;
  }

  /** The same, of each object only what stands under `metadata`. */
  async listMetadata(
    of: { apiVersion: string; kind: string; namespace?: string },
    options: { labelSelector?: string } = {},
  ): Promise<KubernetesObject[]> {
    const items = await this.list<KubernetesObject>(of, { ...options, accept: METADATA_ONLY });
    // In the list each says that it is a PartialObjectMetadata.
    return items.map((item) => ({ ...item, apiVersion: of.apiVersion, kind: of.kind }));
  }

  async create<T = KubernetesObject>(
    object: ObjectAddress,
    { fieldManager, dryRun }: { fieldManager?: string; dryRun?: boolean } = {},
  ): Promise<T> {
    const { name: _, ...rest } = object.metadata;
    const path = await this.pathOf({ ...object, metadata: rest });
    const query = { fieldManager, dryRun: dryRun ? "All" : undefined };
    return this.request<T>("POST", path, { body: object, query });
  }

  async replace<T = KubernetesObject>(object: ObjectAddress): Promise<T> {
    return this.request<T>("PUT", await this.pathOf(object), { body: object });
  }

  /** Server-side apply. See https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
  async apply<T = KubernetesObject>(object: ObjectAddress, options: ApplyOptions): Promise<T> {
    return this.request<T>("PATCH", await this.pathOf(object), {
      body: object,
      contentType: "application/apply-patch+yaml",
      query: {
        fieldManager: options.fieldManager,
        force: options.force,
        dryRun: options.dryRun ? "All" : undefined,
        // The server would read the body twice to warn of unknown fields, which nobody here sees.
        fieldValidation: "Ignore",
      },
      signal: options.signal,
    });
  }

  /** @returns the server's answer: a Status, or the object while finalizers hold it */
  async delete<T = unknown>(address: ObjectAddress, options: DeleteOptions = {}): Promise<T> {
    const { propagationPolicy, dryRun, ...preconditions } = options;
    return this.request<T>("DELETE", await this.pathOf(address), {
      body: {
        kind: "DeleteOptions",
        apiVersion: "v1",
        ...(propagationPolicy && { propagationPolicy }),
        ...(dryRun && { dryRun: ["All"] }),
        ...(Object.keys(preconditions).length > 0 && { preconditions }),
      },
    });
  }

  /**
   * Sends one request; waits and tries again when the server is throttling or a kept connection was cut.
   *
   * @throws KubernetesError for what the server refused, VisibleError where it cannot be reached
   */
  async request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once<T>(method, path, options);
      } catch (error) {
        const wait =
          attempt < MAX_TRIES && !options.signal?.aborted ? waitBefore(error, method, attempt) : undefined;
        if (wait === undefined) throw options.signal?.aborted ? error : this.#explained(error);
        await sleep(wait, undefined, options.signal ? { signal: options.signal } : {});
      }
    }
  }

  /**
   * What the server sends for as long as it does: a log that is followed. Not tried again; ends with the connection.
   *
   * @throws KubernetesError for what the server refused, VisibleError where it cannot be reached
   */
  async stream(
    path: string,
    options: Pick<RequestOptions, "query"> & { signal: AbortSignal },
  ): Promise<AsyncIterable<Buffer>> {
    // a connection of its own: one that lasts must not take the place of requests
    const agent = this.server.startsWith("http://") ? new HttpAgent() : new Agent(this.#connection.tls);
    const url = this.#url(path, options.query);
    const headers = await this.#connection.headers();
    const send = url.protocol === "http:" ? httpRequest : httpsRequest;
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const request = send(url, { headers, agent, signal: options.signal }, resolve);
        request.on("error", reject);
        request.end();
      });
      if (response.statusCode === 200) return response;
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      throw errorFromResponse(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"));
    } catch (error) {
      throw options.signal.aborted ? error : this.#explained(error);
    }
  }

  #url(path: string, query: RequestOptions["query"]): URL {
    const url = new URL(this.server + path);
    for (const [key, value] of Object.entries(query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, String(value));
    }
    return url;
  }

  async #once<T>(method: Method, path: string, options: RequestOptions): Promise<T> {
    const url = this.#url(path, options.query);
    const body = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
    const headers: Record<string, string | number> = {
      accept: options.accept ?? "application/json",
      ...(await this.#connection.headers()),
      ...(body && {
        "content-type": options.contentType ?? "application/json",
        "content-length": body.length,
      }),
    };
    const timeout = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const send = url.protocol === "http:" ? httpRequest : httpsRequest;
      const request = send(
        url,
        { method, headers, agent: this.#agent, signal },
        (response: IncomingMessage) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
          );
          response.on("error", reject);
        },
      );
      request.on("error", reject);
      request.end(body);
    });
    if (status >= 400 || status === 0) throw errorFromResponse(status, text);
    return JSON.parse(text) as T;
  }

  #explained(error: unknown): unknown {
    if (error instanceof KubernetesError || !(error instanceof Error)) return error;
    const code = "code" in error ? String(error.code) : error.name;
    const why = {
      ECONNREFUSED: "refused the connection",
      ENOTFOUND: "is an unknown host",
      ABORT_ERR: "did not answer in time",
    }[code];
    return new VisibleError(
      `The Kubernetes API server at ${this.server} (kube-context "${this.contextName}") ${why ?? `cannot be reached: ${error.message}`}.`,
      {
        hint: 'If it is the embedded Kubernetes, start it with "npm run cluster -- start"; else check the kube-context and the network.',
        cause: error,
      },
    );
  }
}

/** Milliseconds to wait before the next try, or undefined where trying again would not help or not be safe. */
function waitBefore(error: unknown, method: Method, attempt: number): number | undefined {
  const backoff = 100 * 2 ** attempt * (0.5 + Math.random());
  if (error instanceof KubernetesError) {
    if (error.status !== 429 && error.status !== 503) return undefined;
    return Math.max(backoff, (error.details?.retryAfterSeconds ?? 0) * 1000);
  }
  // A kept-alive connection that the server closed meanwhile; POST is left out, since it may have been carried out.
  const cut =
    error instanceof Error && "code" in error && ["ECONNRESET", "EPIPE"].includes(String(error.code));
  return cut && method !== "POST" ? backoff : undefined;
}
