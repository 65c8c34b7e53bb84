import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";
import { VisibleError } from "../../model/visible-error.ts";

// What only a misbehaving server shows; the same client against a real kube-apiserver is in test/e2e.
let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function serverAnswering(handler: Handler): Promise<{ api: KubernetesApi; count: () => number }> {
  let count = 0;
  server = createServer((request, response) => handler(request, response, ++count));
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { api: apiAt(port), count: () => count };
}

function apiAt(port: number): KubernetesApi {
  return new KubernetesApi({
    server: `http://127.0.0.1:${port}`,
    contextName: "test",
    namespace: "default",
    tls: {},
    headers: async () => ({}),
  });
}

const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "a", namespace: "n" } };

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

describe("the Kubernetes client", () => {
  it("waits and tries again when the server throttles", async () => {
    const { api, count } = await serverAnswering((_request, response, n) =>
      n < 3
        ? answer(response, 429, { reason: "TooManyRequests", message: "later" })
        : answer(response, 200, { kind: "Secret" }),
    );
    expect(await api.get(secret)).toEqual({ kind: "Secret" });
    expect(count()).toBe(3);
  });

  it("repeats a read whose connection was cut, but never a create", async () => {
    const { api, count } = await serverAnswering((request, response, n) =>
      n === 1 || request.method === "POST"
        ? request.socket.destroy()
        : answer(response, 200, { kind: "Secret" }),
    );
    expect(await api.get(secret)).toEqual({ kind: "Secret" });
    const before = count();
    await expect(api.create(secret)).rejects.toBeInstanceOf(VisibleError);
    expect(count()).toBe(before + 1);
  });

  it("gives status, reason and message of a refusal", async () => {
    const { api } = await serverAnswering((_request, response) =>
      answer(response, 403, { kind: "Status", reason: "Forbidden", message: "you may not" }),
    );
    const error = await api.get(secret).catch((e) => e);
    expect(error).toBeInstanceOf(KubernetesError);
    expect(error).toMatchObject({ status: 403, reason: "Forbidden", message: "you may not" });
  });

  it("survives an answer that is not JSON", async () => {
    const { api } = await serverAnswering(
      (_request, response) => void response.writeHead(502).end("<html>bad gateway</html>"),
    );
    await expect(api.get(secret)).rejects.toMatchObject({ status: 502 });
  });

  it("says in one sentence that the server is not there, and what to do", async () => {
    const { api } = await serverAnswering(() => {});
    const port = new URL(api.server).port;
    server!.close();
    const error = await apiAt(Number(port))
      .get(secret)
      .catch((e) => e);
    expect(error).toBeInstanceOf(VisibleError);
    expect(error.message).toContain("refused the connection");
    expect(error.hint).toContain("npm run cluster -- start");
  });

  it("says that the server did not answer in time", async () => {
    const { api } = await serverAnswering(() => {});
    const error = await api.request<Error>("GET", "/api", { timeoutMs: 50 }).catch((e) => e);
    expect(error).toBeInstanceOf(VisibleError);
    expect(error.message).toContain("did not answer in time");
  });

  it("stops at once when it is told to", async () => {
    const { api } = await serverAnswering(() => {});
    const abort = new AbortController();
    const pending = api.request("GET", "/api", { signal: abort.signal });
    abort.abort();
    await expect(pending).rejects.toMatchObject({ name: "AbortError" });
  });

  it("asks each API group once for its kinds, and again when a kind is new", async () => {
    let known: object[] = [];
    const { api, count } = await serverAnswering((_request, response) =>
      answer(response, 200, { resources: known }),
    );
    await expect(api.pathOf({ apiVersion: "x.io/v1", kind: "Thing" })).rejects.toThrow(/no kind Thing/);
    known = [{ name: "things", kind: "Thing", namespaced: true }];
    const thing = { apiVersion: "x.io/v1", kind: "Thing", metadata: { name: "a/b", namespace: "n" } };
    expect(await api.pathOf(thing)).toBe("/apis/x.io/v1/namespaces/n/things/a%2Fb");
    const before = count();
    await api.pathOf(thing);
    expect(count()).toBe(before);
  });
});
