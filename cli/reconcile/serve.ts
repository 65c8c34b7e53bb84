// /metrics, /healthz and /readyz over HTTP, for Prometheus and the kubelet. Listens on one port.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { urlHost } from "../../model/url-host.ts";
import { VisibleError } from "../../model/visible-error.ts";

export interface Served {
  host: string;
  /** 0 takes any that is free. */
  port: number;
  metrics(): Promise<string>;
  /** Whether it works; undefined where it does, else why not. */
  notReady(): string | undefined;
}

export interface Serving {
  /** `http://127.0.0.1:9464` */
  url: string;
  close(): Promise<void>;
}

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** @throws VisibleError where the port is taken or not allowed */
export async function serve(served: Served): Promise<Serving> {
  const server = createServer(async (request, response) => {
    const [status, type, body] = await answer(served, request.method ?? "", request.url ?? "").catch(
      (error: unknown) => [500, "text/plain", `${error}\n`] as const,
    );
    response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
    response.end(body);
  });
  // somebody who asks slowly keeps nobody from it
  server.requestTimeout = 10_000;
  await listen(server, served);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${urlHost(served.host)}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  { metrics, notReady }: Served,
  method: string,
  url: string,
): Promise<readonly [status: number, type: string, body: string]> {
  if (method !== "GET" && method !== "HEAD") return [405, "text/plain", "only GET\n"];
  switch (url.split("?")[0]) {
    case "/metrics":
      return [200, METRICS_TYPE, await metrics()];
    case "/healthz":
      return [200, "text/plain", "ok\n"];
    case "/readyz": {
      const reason = notReady();
      return reason === undefined ? [200, "text/plain", "ok\n"] : [503, "text/plain", `${reason}\n`];
    }
    default:
      return [404, "text/plain", "/metrics, /healthz or /readyz\n"];
  }
}

function listen(server: Server, { host, port }: Served): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EADDRINUSE" ? "is taken" : `cannot be had: ${cause.message}`;
      reject(
        new VisibleError(`The port ${port} of ${host} ${why}.`, {
          hint: "Choose another with --port, or 0 for any that is free.",
          cause,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}
