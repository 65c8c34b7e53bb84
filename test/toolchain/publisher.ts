// A publisher's server on a loopback port, with the faults that networks have.
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export type Reply =
  | { body: Buffer }
  /** Says that the whole body comes and hangs up after `cutAfter` bytes, this many times. */
  | { body: Buffer; cutAfter: number; times: number }
  | { status: number }
  | { redirect: string };

export interface Publisher {
  /** What EDGEFLOCK_DOWNLOAD_MIRROR is set to. */
  url: string;
  /** Paths as they were asked for. */
  asked: string[];
}

/** @param replies by path, "/dl.k8s.io/…" */
export async function publisher(replies: Record<string, Reply>): Promise<Publisher> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    const reply = replies[path] ?? { status: 404 };
    if ("status" in reply) response.writeHead(reply.status).end();
    else if ("redirect" in reply) response.writeHead(302, { location: reply.redirect }).end();
    else if ("cutAfter" in reply && reply.times-- > 0) {
      response.writeHead(200, { "content-length": reply.body.length });
      response.write(reply.body.subarray(0, reply.cutAfter), () => response.destroy());
    } else response.writeHead(200, { "content-length": reply.body.length }).end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

export function sha256(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}
