// Asks the cluster's processes whether they are ready. Connects to 127.0.0.1 only.
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { type Pki, splitPem } from "./certificates.ts";
import type { Ports } from "./configuration.ts";
import type { Component } from "./paths.ts";

const ANSWER_WITHIN = 5_000;

interface Answer {
  status: number;
  body: string;
}

/** Whether a component says that it is ready; false as well where it does not answer. */
export async function isReady(component: Component, pki: Pki, ports: Ports): Promise<boolean> {
  switch (component) {
    case "etcd":
      return (await ask(pki, "etcdClient", ports.etcd, "/readyz"))?.status === 200;
    case "kube-apiserver":
      return (await ask(pki, "admin", ports.apiServer, "/readyz"))?.status === 200;
    case "kube-controller-manager":
      return (
        (await ask(pki, "admin", ports.controllerManager, "/healthz"))?.status === 200 &&
        (await controllersHaveWorked(pki, ports))
      );
  }
}

/** A new namespace "default" has got its account and its certificate: controllers are at work, not only started. */
async function controllersHaveWorked(pki: Pki, ports: Ports): Promise<boolean> {
  const namespace = "/api/v1/namespaces/default";
  for (const path of [`${namespace}/serviceaccounts/default`, `${namespace}/configmaps/kube-root-ca.crt`]) {
    if ((await ask(pki, "admin", ports.apiServer, path))?.status !== 200) return false;
  }
  return true;
}

/** The server's own version, "v1.36.1"; nothing where it does not answer. */
export async function serverVersion(pki: Pki, ports: Ports): Promise<string | undefined> {
  const answer = await ask(pki, "admin", ports.apiServer, "/version");
  if (answer?.status !== 200) return undefined;
  const version: unknown = JSON.parse(answer.body);
  return typeof version === "object" && version !== null && "gitVersion" in version
    ? String(version.gitVersion)
    : undefined;
}

async function ask(
  pki: Pki,
  as: "admin" | "etcdClient",
  port: number,
  path: string,
): Promise<Answer | undefined> {
  const authority = as === "admin" ? pki.authority : pki.etcdAuthority;
  try {
    const { key, certificate } = splitPem(await readFile(pki.certificates[as], "utf8"));
    const ca = await readFile(authority, "utf8");
    return await get({ port, path, ca, key, cert: certificate });
  } catch {
    return undefined;
  }
}

function get(options: {
  port: number;
  path: string;
  ca: string;
  key: string;
  cert: string;
}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: "127.0.0.1", agent: false, timeout: ANSWER_WITHIN, ...options },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        response.on("error", reject);
      },
    );
    call.on("timeout", () => call.destroy(new Error("no answer in time")));
    call.on("error", reject);
    call.end();
  });
}
