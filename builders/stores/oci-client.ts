// The requests to an OCI registry that a store makes: blobs, manifests, tags, and the two ways to log in. Talks to the
// registry. https://github.com/opencontainers/distribution-spec/blob/main/spec.md
import { createHash } from "node:crypto";
import { VisibleError } from "../../model/visible-error.ts";

export interface OciRepository {
  /** `registry.example:5000/greenhouse/firmware`. */
  repository: string;
  plainHttp?: boolean;
  credentials?: { username: string; password: string };
}

export const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

export interface Manifest {
  schemaVersion: 2;
  mediaType: typeof MANIFEST;
  artifactType: string;
  config: Descriptor;
  layers: Descriptor[];
  annotations?: Record<string, string>;
}

interface Sent {
  method?: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
  /** Statuses beside 2xx that are an answer. */
  also?: number[];
}

/** Milliseconds for one request: a firmware over a slow line takes its time. */
const TIME_LIMIT = 5 * 60_000;

export class OciClient {
  readonly #place: OciRepository;
  readonly #base: string;
  readonly #name: string;
  #authorization: string | undefined;

  constructor(place: OciRepository) {
    this.#place = place;
    const slash = place.repository.indexOf("/");
    this.#name = place.repository.slice(slash + 1);
    this.#base = `${place.plainHttp ? "http" : "https"}://${place.repository.slice(0, slash)}`;
  }

  async pushBlob(bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
    const digest = digestOf(bytes);
    const there = await this.#send(`blobs/${digest}`, { method: "HEAD", also: [404] });
    if (there.status === 404) {
      const started = await this.#send("blobs/uploads/", { method: "POST" });
      const location = started.headers.get("location");
      if (!location) throw this.#failed("push", "it names no place to upload to");
      const url = new URL(location, this.#url("blobs/uploads/"));
      url.searchParams.set("digest", digest);
      const headers = { "content-type": "application/octet-stream" };
      await this.#send(url, { method: "PUT", headers, body: bytes });
    }
    return { mediaType, digest, size: bytes.length };
  }

  /** @returns undefined where there is none, or what came is not it */
  async pullBlob(digest: string): Promise<Uint8Array | undefined> {
    const answer = await this.#send(`blobs/${digest}`, { also: [404] });
    if (answer.status === 404) return undefined;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return digestOf(bytes) === digest ? bytes : undefined;
  }

  async pushManifest(tag: string, manifest: Manifest): Promise<void> {
    const headers = { "content-type": MANIFEST };
    await this.#send(`manifests/${tag}`, { method: "PUT", headers, body: JSON.stringify(manifest) });
  }

  /** By tag or digest, with its own digest. */
  async pullManifest(name: string): Promise<{ manifest: Manifest; digest: string } | undefined> {
    const answer = await this.#send(`manifests/${name}`, { headers: { accept: MANIFEST }, also: [404] });
    if (answer.status === 404) return undefined;
    const text = await answer.text();
    return { manifest: JSON.parse(text) as Manifest, digest: digestOf(Buffer.from(text)) };
  }

  /** @returns false where the registry does not let anybody delete */
  async deleteManifest(digest: string): Promise<boolean> {
    const answer = await this.#send(`manifests/${digest}`, { method: "DELETE", also: [404, 405] });
    return answer.status !== 405;
  }

  async tags(): Promise<string[]> {
    const all: string[] = [];
    let next: URL | undefined = this.#url("tags/list?n=500");
    while (next) {
      const answer = await this.#send(next, { also: [404] });
      if (answer.status === 404) return all;
      const { tags } = (await answer.json()) as { tags?: string[] | null };
      all.push(...(tags ?? []));
      const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(answer.headers.get("link") ?? "")?.[1];
      next = link === undefined ? undefined : new URL(link, next);
    }
    return all;
  }

  #url(path: string): URL {
    return new URL(`${this.#base}/v2/${this.#name}/${path}`);
  }

  async #send(to: string | URL, sent: Sent): Promise<Response> {
    const url = typeof to === "string" ? this.#url(to) : to;
    // credentials go to the registry and nowhere else, wherever it sends us
    const own = url.origin === new URL(this.#base).origin;
    let answer = await this.#fetch(url, sent, own);
    if (answer.status === 401 && own) {
      this.#authorization = await this.#logIn(answer.headers.get("www-authenticate") ?? "");
      answer = await this.#fetch(url, sent, own);
    }
    if (answer.ok || sent.also?.includes(answer.status)) return answer;
    throw await this.#refusal(answer, sent.method ?? "GET");
  }

  async #fetch(url: URL, { method = "GET", headers, body }: Sent, own: boolean): Promise<Response> {
    const authorization = own && this.#authorization ? { authorization: this.#authorization } : {};
    try {
      return await fetch(url, {
        method,
        headers: { ...headers, ...authorization },
        ...(body !== undefined && { body: body as string | Uint8Array<ArrayBuffer> }),
        signal: AbortSignal.timeout(TIME_LIMIT),
      });
    } catch (error) {
      const { cause } = error as { cause?: { code?: string; message?: string } };
      throw this.#failed(
        method,
        `it cannot be reached (${cause?.code ?? cause?.message ?? (error as Error).message})`,
        "check its name, the network, NODE_EXTRA_CA_CERTS for a certificate of your own, and plainHttp",
      );
    }
  }

  /** Basic, or a token from whom the registry names. https://distribution.github.io/distribution/spec/auth/token/ */
  async #logIn(challenge: string): Promise<string> {
    const { credentials } = this.#place;
    const basic =
      credentials &&
      `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`;
    if (/^basic/i.test(challenge)) {
      if (!basic)
        throw this.#failed(
          "log in",
          "it wants a user name and a password",
          "give spec.artifacts.credentials",
        );
      return basic;
    }
    const field = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
    const realm = field("realm");
    if (!/^bearer/i.test(challenge) || !realm || !URL.canParse(realm))
      throw this.#failed("log in", `it asks for ${challenge.slice(0, 60) || "nothing that is known"}`);
    const url = new URL(realm);
    if (url.protocol !== "https:" && !this.#place.plainHttp)
      throw this.#failed("log in", "it wants the password sent without TLS");
    const service = field("service");
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", `repository:${this.#name}:pull,push,delete`);
    const answer = await fetch(url, {
      ...(basic && { headers: { authorization: basic } }),
      signal: AbortSignal.timeout(TIME_LIMIT),
    });
    if (!answer.ok) throw await this.#refusal(answer, "GET");
    const { token, access_token } = (await answer.json()) as { token?: string; access_token?: string };
    return `Bearer ${token ?? access_token ?? ""}`;
  }

  async #refusal(answer: Response, method: string): Promise<VisibleError> {
    const text = await answer.text().catch(() => "");
    const said = /"message"\s*:\s*"([^"]{1,200})"/.exec(text)?.[1] ?? answer.statusText;
    const denied = answer.status === 401 || answer.status === 403;
    return this.#failed(
      method,
      `it answers ${answer.status}${said ? ` (${said})` : ""}`,
      denied
        ? "check spec.artifacts.credentials: they must be allowed to pull, push and delete there"
        : "the registry's log says more",
    );
  }

  #failed(method: string, why: string, hint = "correct spec.artifacts"): VisibleError {
    const what = {
      GET: "read from",
      HEAD: "read from",
      DELETE: "delete in",
      PUT: "write to",
      POST: "write to",
    }[method];
    return new VisibleError(`cannot ${what ?? method} the registry ${this.#place.repository}: ${why}`, {
      hint,
    });
  }
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
