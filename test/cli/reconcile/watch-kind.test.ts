import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ObservedObjects } from "../../../cli/reconcile/observed-objects.ts";
import { KindWatch } from "../../../cli/reconcile/watch-kind.ts";
import { connect, KubernetesApi } from "../../../kubernetes/api.ts";
import { API_VERSION } from "../../../model/names.ts";

// What a healthy API server hardly ever shows; the same watch against a real one is in test/e2e.
describe("the watch of a kind", () => {
  let folder: string;
  let server: Server | undefined;
  let watch: KindWatch | undefined;
  let objects: ObservedObjects;
  let said: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "edgeflock-watch-"));
    [objects, said] = [new ObservedObjects(), []];
  });
  afterEach(async () => {
    await watch?.stop();
    server?.closeAllConnections();
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  type Answer = (request: IncomingMessage, response: ServerResponse) => void;

  /** Lists have no object; `watched` gets every watch. */
  async function serve(watched: Answer, listed: Answer = list): Promise<string> {
    server = createServer((request, response) =>
      (request.url!.includes("watch=true") ? watched : listed)(request, response),
    );
    await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  function list(_: IncomingMessage, response: ServerResponse): void {
    response.end(JSON.stringify({ metadata: { resourceVersion: "1" }, items: [] }));
  }

  /** Opens a watch that tells of one device and goes on. */
  function tellOf(response: ServerResponse, name: string): void {
    const metadata = { name, namespace: "site", uid: name, generation: 1, resourceVersion: "2" };
    const object = { apiVersion: API_VERSION, kind: "Device", metadata, spec: {} };
    response.write(`${JSON.stringify({ type: "ADDED", object })}\n`);
  }

  function start(api: KubernetesApi): void {
    watch = new KindWatch({
      access: { api, renew: async () => {} },
      kind: "Device",
      objects,
      say: (line) => said.push(line),
      listed: () => {},
      failed: () => {},
    });
    watch.start();
  }

  async function seen(...names: string[]): Promise<void> {
    const known = () => objects.all().map(({ metadata }) => metadata.name);
    await vi.waitFor(() => expect(known()).toEqual(names), 5_000);
  }

  it("sends the token of a kubeconfig's tokenFile, as the file is then", async () => {
    const tokens: unknown[] = [];
    const url = await serve((request, response) => {
      tokens.push(request.headers.authorization);
      tellOf(response, `d${tokens.length}`);
      if (tokens.length === 1) setTimeout(() => response.end(), 100);
    });
    const kubeconfig = join(folder, "kubeconfig");
    const token = join(folder, "token");
    await writeFile(token, "first\n");
    const named = {
      clusters: [{ name: "own", cluster: { server: url } }],
      users: [{ name: "own", user: { tokenFile: token } }],
    };
    const contexts = [{ name: "own", context: { cluster: "own", user: "own" } }];
    await writeFile(kubeconfig, JSON.stringify({ ...named, contexts, "current-context": "own" }));
    start(await connect({ kubeconfig }));
    await seen("d1");
    await writeFile(token, "second\n");
    await seen("d1", "d2");
    expect(tokens).toEqual(["Bearer first", "Bearer second"]);
  });

  function apiAt(url: string, headers: () => Promise<Record<string, string>>): KubernetesApi {
    return new KubernetesApi({ server: url, contextName: "own", namespace: "default", tls: {}, headers });
  }

  it("goes on when the credentials for a watch cannot be had, and then can", async () => {
    const url = await serve((_, response) => tellOf(response, "d"));
    let calls = 0;
    start(
      apiAt(url, async () => {
        // the first call is for the list
        if (++calls === 2) throw new Error("the program that makes tokens failed");
        return {};
      }),
    );
    await seen("d");
    expect(said).toEqual([expect.stringMatching(/again in 0\.\d s: the program that makes tokens failed/)]);
  });

  it("is connected again as soon as a cut watch is open again, though nothing happens", async () => {
    let watches = 0;
    const url = await serve((request, response) => {
      watches++;
      response.flushHeaders();
      if (watches === 1) setTimeout(() => request.socket.destroy(), 200);
    });
    start(apiAt(url, async () => ({})));
    await vi.waitFor(() => expect(watch!.connected).toBe(true));
    await vi.waitFor(() => expect(watch!.connected).toBe(false));
    await vi.waitFor(() => expect(watch!.connected).toBe(true), 5_000);
    expect(watches).toBe(2);
  });

  it("lists anew where what it knows is too long ago", async () => {
    let lists = 0;
    const gone = { type: "ERROR", object: { code: 410, reason: "Expired", message: "too old" } };
    const url = await serve(
      (_, response) => (lists === 1 ? response.end(`${JSON.stringify(gone)}\n`) : tellOf(response, "d")),
      (request, response) => {
        lists++;
        list(request, response);
      },
    );
    start(apiAt(url, async () => ({})));
    await seen("d");
    expect(lists).toBe(2);
  });
});
