// Finds the API server and the credentials to use: reads kubeconfig files, touches nothing else.
// Certificates and tokens are handled here, because importing the whole client library takes a second;
// everything that needs code of its own (exec plugins, OIDC, proxies) is left to @kubernetes/client-node.
import { existsSync, readFileSync } from "node:fs";
import type { AgentOptions } from "node:https";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { parse } from "yaml";
import { VisibleError } from "../model/visible-error.ts";

/** What a request to the API server needs. */
export interface Connection {
  /** Base URL without a trailing slash. */
  server: string;
  contextName: string;
  /** Namespace of the context; "default" where it names none. */
  namespace: string;
  tls: Pick<AgentOptions, "ca" | "cert" | "key" | "rejectUnauthorized" | "servername">;
  /** Headers of one request; called for each, so that short-lived tokens are renewed. */
  headers(): Promise<Record<string, string>>;
}

interface NamedCluster {
  name: string;
  cluster: Record<string, unknown>;
}
interface NamedUser {
  name: string;
  user: Record<string, unknown>;
}
interface NamedContext {
  name: string;
  context: { cluster: string; user: string; namespace?: string };
}
interface KubeconfigFile {
  folder: string;
  "current-context"?: string;
  clusters?: NamedCluster[] | null;
  users?: NamedUser[] | null;
  contexts?: NamedContext[] | null;
}

/**
 * Resolves a kubeconfig as kubectl does: the given file, else the files of `KUBECONFIG`, else `~/.kube/config`.
 *
 * @throws VisibleError where no file, context, cluster or user fits; it names what there is
 */
export async function loadConnection(
  options: { kubeconfig?: string; context?: string } = {},
): Promise<Connection> {
  const paths = kubeconfigPaths(options.kubeconfig);
  const present = paths.filter((path) => existsSync(path));
  if (present.length === 0) {
    throw new VisibleError(`No kubeconfig found at ${paths.join(", ")}.`, {
      hint: 'Start the embedded Kubernetes with "npm run cluster -- start", or set KUBECONFIG to your cluster\'s file.',
    });
  }
  const files = present.map(readKubeconfig);
  const contextName = options.context ?? files.find((f) => f["current-context"])?.["current-context"];
  const contexts = files.flatMap((f) => f.contexts ?? []);
  const context = contexts.find((c) => c.name === contextName)?.context;
  if (!contextName || !context) {
    throw new VisibleError(
      contextName
        ? `There is no kube-context "${contextName}" in ${present.join(", ")}.`
        : `${present.join(", ")} sets no current-context.`,
      { hint: `Contexts there: ${contexts.map((c) => c.name).join(", ") || "none"}.` },
    );
  }
  const found = locate(files, context);
  if (needsLibrary(found.cluster, found.user)) return connectionByLibrary(present, contextName);
  return simpleConnection(contextName, context.namespace ?? "default", found);
}

/** The files that kubectl would read, in its order of precedence. */
export function kubeconfigPaths(explicit?: string): string[] {
  if (explicit) return [resolve(explicit)];
  const fromEnvironment = (process.env.KUBECONFIG ?? "").split(delimiter).filter((path) => path !== "");
  return fromEnvironment.length > 0 ? fromEnvironment : [join(homedir(), ".kube", "config")];
}

function readKubeconfig(path: string): KubeconfigFile {
  try {
    const content = (parse(readFileSync(path, "utf8")) ?? {}) as Omit<KubeconfigFile, "folder">;
    return { ...content, folder: dirname(resolve(path)) };
  } catch (cause) {
    throw new VisibleError(
      `The kubeconfig ${path} cannot be read: ${(cause as Error).message.split("\n")[0]}`,
      { cause },
    );
  }
}

interface Located {
  cluster: Record<string, unknown>;
  clusterFolder: string;
  user: Record<string, unknown>;
  userFolder: string;
}

function locate(files: KubeconfigFile[], context: NamedContext["context"]): Located {
  const withCluster = files.find((f) => f.clusters?.some((c) => c.name === context.cluster));
  const withUser = files.find((f) => f.users?.some((u) => u.name === context.user));
  const cluster = withCluster?.clusters?.find((c) => c.name === context.cluster)?.cluster;
  if (!withCluster || typeof cluster?.server !== "string") {
    throw new VisibleError(
      `The kubeconfig's context names the cluster "${context.cluster}", which it does not define.`,
    );
  }
  const user = withUser?.users?.find((u) => u.name === context.user)?.user ?? {};
  return {
    cluster,
    clusterFolder: withCluster.folder,
    user,
    userFolder: withUser?.folder ?? withCluster.folder,
  };
}

const HANDLED_HERE = new Set([
  "token",
  "tokenFile",
  "client-certificate",
  "client-certificate-data",
  "client-key",
  "client-key-data",
]);

function needsLibrary(cluster: Record<string, unknown>, user: Record<string, unknown>): boolean {
  return "proxy-url" in cluster || Object.keys(user).some((key) => !HANDLED_HERE.has(key));
}

function simpleConnection(contextName: string, namespace: string, found: Located): Connection {
  const { cluster, clusterFolder, user, userFolder } = found;
  const token = user.token;
  const tokenFile = user.tokenFile;
  return {
    server: (cluster.server as string).replace(/\/+$/, ""),
    contextName,
    namespace,
    tls: withoutUndefined({
      ca: bytes(cluster, "certificate-authority", clusterFolder),
      cert: bytes(user, "client-certificate", userFolder),
      key: bytes(user, "client-key", userFolder),
      rejectUnauthorized: cluster["insecure-skip-tls-verify"] === true ? false : undefined,
      servername: cluster["tls-server-name"] as string | undefined,
    }),
    headers: async (): Promise<Record<string, string>> => {
      if (typeof token === "string") return { authorization: `Bearer ${token}` };
      if (typeof tokenFile !== "string") return {};
      return { authorization: `Bearer ${readFileSync(resolve(userFolder, tokenFile), "utf8").trim()}` };
    },
  };
}

/** The value of `<key>-data` (base64), else the content of the file that `<key>` names. */
function bytes(source: Record<string, unknown>, key: string, folder: string): Buffer | undefined {
  const data = source[`${key}-data`];
  if (typeof data === "string") return Buffer.from(data, "base64");
  const path = source[key];
  if (typeof path !== "string") return undefined;
  try {
    return readFileSync(resolve(folder, path));
  } catch (cause) {
    throw new VisibleError(`The kubeconfig names ${path} as ${key}, which cannot be read.`, { cause });
  }
}

function withoutUndefined(
  tls: { [K in keyof Connection["tls"]]: Connection["tls"][K] | undefined },
): Connection["tls"] {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}

/** Reads the files into the client library's own configuration, in place of what it held. */
export function fillLibraryConfig(config: KubeConfig, paths: readonly string[], contextName: string): void {
  const [first, ...rest] = paths;
  config.loadFromFile(first!);
  const Further = config.constructor as new () => KubeConfig;
  for (const path of rest) {
    const further = new Further();
    further.loadFromFile(path);
    config.mergeConfig(further);
  }
  config.setCurrentContext(contextName);
}

async function connectionByLibrary(paths: string[], contextName: string): Promise<Connection> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  fillLibraryConfig(config, paths, contextName);
  const options: AgentOptions & { headers?: Record<string, string> } = {};
  await config.applyToHTTPSOptions(options);
  return {
    server: (config.getCurrentCluster()?.server ?? "").replace(/\/+$/, ""),
    contextName,
    namespace: config.getContextObject(contextName)?.namespace ?? "default",
    tls: options,
    headers: async () => {
      const fresh: { headers?: Record<string, string> } = {};
      await config.applyToHTTPSOptions(fresh);
      return fresh.headers ?? {};
    },
  };
}
