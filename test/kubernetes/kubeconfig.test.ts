import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadConnection } from "../../kubernetes/kubeconfig.ts";
import { VisibleError } from "../../model/visible-error.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "edgeflock-kubeconfig-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function kubeconfig(name: string, content: object): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

function simple(server: string, user: object, current = "here") {
  return {
    "current-context": current,
    clusters: [
      { name: "c", cluster: { server, "certificate-authority-data": Buffer.from("CA").toString("base64") } },
    ],
    users: [{ name: "u", user }],
    contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "greenhouse" } }],
  };
}

describe("loading a kubeconfig", () => {
  it("takes server, CA, namespace and client certificate from the current context", async () => {
    writeFileSync(join(folder, "key.pem"), "KEY");
    const user = {
      "client-certificate-data": Buffer.from("CERT").toString("base64"),
      "client-key": "key.pem",
    };
    const connection = await loadConnection({
      kubeconfig: kubeconfig("a", simple("https://127.0.0.1:1/", user)),
    });
    expect(connection.server).toBe("https://127.0.0.1:1");
    expect(connection.namespace).toBe("greenhouse");
    expect(String(connection.tls.ca)).toBe("CA");
    expect(String(connection.tls.cert)).toBe("CERT");
    expect(String(connection.tls.key)).toBe("KEY");
  });

  it("sends a token, and reads a token's file anew for each request", async () => {
    const withToken = await loadConnection({
      kubeconfig: kubeconfig("a", simple("https://x", { token: "t1" })),
    });
    expect(await withToken.headers()).toEqual({ authorization: "Bearer t1" });
    writeFileSync(join(folder, "token"), "first\n");
    const withFile = await loadConnection({
      kubeconfig: kubeconfig("b", simple("https://x", { tokenFile: "token" })),
    });
    expect(await withFile.headers()).toEqual({ authorization: "Bearer first" });
    writeFileSync(join(folder, "token"), "second\n");
    expect(await withFile.headers()).toEqual({ authorization: "Bearer second" });
  });

  it("merges the files of KUBECONFIG and skips those that are not there", async () => {
    const a = kubeconfig("a", { ...simple("https://a", {}), users: [], contexts: [] });
    const b = kubeconfig("b", {
      ...simple("https://b", { token: "b" }),
      "current-context": "other",
      clusters: [],
    });
    vi.stubEnv("KUBECONFIG", [join(folder, "missing"), a, b].join(delimiter));
    const connection = await loadConnection();
    expect(connection.contextName).toBe("here");
    expect(connection.server).toBe("https://a");
    expect(await connection.headers()).toEqual({ authorization: "Bearer b" });
  });

  it("asks an exec plugin for credentials", async () => {
    const token = JSON.stringify({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token: "from-plugin" },
    });
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "sh",
      args: ["-c", `echo '${token}'`],
      interactiveMode: "Never",
    };
    const connection = await loadConnection({ kubeconfig: kubeconfig("a", simple("https://x", { exec })) });
    const headers = await connection.headers();
    expect(Object.entries(headers).map(([key, value]) => `${key.toLowerCase()}: ${value}`)).toContain(
      "authorization: Bearer from-plugin",
    );
  });

  it("names the contexts that there are when the wanted one is missing", async () => {
    const path = kubeconfig("a", simple("https://x", {}));
    const error = await loadConnection({ kubeconfig: path, context: "prod" }).catch((e) => e);
    expect(error).toBeInstanceOf(VisibleError);
    expect(error.message).toContain('no kube-context "prod"');
    expect(error.hint).toContain("here");
  });

  it("says how to get a cluster when there is no kubeconfig at all", async () => {
    const error = await loadConnection({ kubeconfig: join(folder, "none") }).catch((e) => e);
    expect(error).toBeInstanceOf(VisibleError);
    expect(error.hint).toContain("npm run cluster -- start");
  });
});
