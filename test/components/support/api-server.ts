// A Kubernetes API server with the objects that a test puts into it, for programs that look before they write.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ApiServer {
  /** By the path of the object. */
  objects: Record<string, object>;
  kubeconfig: string;
  close(): void;
}

export async function startApiServer(): Promise<ApiServer> {
  const objects: Record<string, object> = {};
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "", "http://localhost").pathname;
    const collection = /\/(secrets|configmaps|leases|serviceaccounts|roles|rolebindings)$/.test(path);
    const items = Object.keys(objects).filter((each) => each.startsWith(`${path}/`));
    const found = collection ? { items: items.map((each) => objects[each]), metadata: {} } : objects[path];
    response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
    response.end(
      JSON.stringify(found ?? { kind: "Status", reason: "NotFound", message: `${path} not found` }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const { port } = server.address() as { port: number };
  const folder = mkdtempSync(join(tmpdir(), "edgeflock-test-"));
  const kubeconfig = join(folder, "kubeconfig");
  const config = {
    clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }],
    contexts: [{ name: "test", context: { cluster: "c", user: "u" } }],
    users: [{ name: "u", user: {} }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  return {
    objects,
    kubeconfig,
    close() {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
