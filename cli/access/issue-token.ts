// A token, or a kubeconfig with one, for a role of a fleet. Asks the API server; writes nothing.
import { KubernetesApi, KubernetesError, type KubernetesObject } from "../../kubernetes/api.ts";
import { loadConnection } from "../../kubernetes/kubeconfig.ts";
import { roleKubeconfig } from "../../kubernetes/role-kubeconfig.ts";
import { type IssuedToken, MIN_TOKEN_SECONDS, requestToken } from "../../kubernetes/service-account-token.ts";
import { type AccessRole, accountName } from "../../model/access-plan.ts";
import { CLUSTER_LABEL, MANAGED_BY, MANAGED_BY_LABEL } from "../../model/names.ts";
import { VisibleError } from "../../model/visible-error.ts";

export interface TokenOptions {
  /** Name of a DevicesCluster. */
  cluster?: string;
  context?: string;
}

export interface Issued extends IssuedToken {
  namespace: string;
  account: string;
  /** YAML with the token in it. */
  kubeconfig: string;
}

/** `8h`, `90m`, `3600s`, `7d` in seconds. @throws VisibleError */
export function durationSeconds(text: string): number {
  const [, amount, unit] = /^(\d{1,9})(s|m|h|d)$/.exec(text) ?? [];
  const seconds =
    Number(amount) * { s: 1, m: 60, h: 3600, d: 86_400 }[(unit ?? "s") as "s" | "m" | "h" | "d"];
  if (amount === undefined || seconds < MIN_TOKEN_SECONDS || seconds > 2 ** 31) {
    throw new VisibleError(`"${text.slice(0, 40)}" is no duration for a token.`, {
      hint: "Write a number with s, m, h or d, of ten minutes at least: 8h, 90m.",
      exitCode: 2,
    });
  }
  return seconds;
}

/** @throws VisibleError where the fleet is not there, is not the only one, or may not be asked */
export async function issueToken(role: AccessRole, seconds: number, options: TokenOptions): Promise<Issued> {
  const connection = await loadConnection(options.context === undefined ? {} : { context: options.context });
  const api = new KubernetesApi(connection);
  const namespace = await namespaceOf(api, options.cluster);
  const account = accountName(role);
  const issued = await requestToken(api, { namespace, name: account }, seconds).catch((error) => {
    throw explained(error, role, namespace);
  });
  const kubeconfig = roleKubeconfig(connection, { namespace, account, user: { token: issued.token } });
  return { ...issued, namespace, account, kubeconfig };
}

async function namespaceOf(api: KubernetesApi, cluster: string | undefined): Promise<string> {
  const namespaces = await fleetNamespaces(api, cluster);
  const names = namespaces.map(({ metadata }) => metadata.name);
  if (names.length === 1) return names[0]!;
  if (cluster === undefined && names.includes(api.namespace)) return api.namespace;
  const clusters = namespaces.map(({ metadata }) => metadata.labels?.[CLUSTER_LABEL]).sort();
  throw new VisibleError(
    names.length === 0
      ? `There is no ${cluster === undefined ? "DevicesCluster" : `DevicesCluster "${cluster}"`} in this Kubernetes (${api.server}).`
      : `There are several: ${clusters.join(", ")}.`,
    {
      hint:
        names.length === 0
          ? '"pulumi up" makes it; check --cluster and --context, or KUBECONFIG.'
          : "Name one with --cluster, or choose its namespace by the kube-context.",
    },
  );
}

/** Who may not list namespaces is taken to mean the one of the kube-context. */
async function fleetNamespaces(api: KubernetesApi, cluster: string | undefined): Promise<KubernetesObject[]> {
  const labelSelector = [
    `${MANAGED_BY_LABEL}=${MANAGED_BY}`,
    cluster === undefined ? CLUSTER_LABEL : `${CLUSTER_LABEL}=${cluster}`,
  ].join(",");
  const kind = { apiVersion: "v1", kind: "Namespace" };
  try {
    return await api.listMetadata(kind, { labelSelector });
  } catch (error) {
    if (!(error instanceof KubernetesError) || error.status !== 403 || cluster !== undefined) throw error;
    return [{ ...kind, metadata: { name: api.namespace } }];
  }
}

function explained(error: unknown, role: AccessRole, namespace: string): unknown {
  if (!(error instanceof KubernetesError)) return error;
  const account = `${namespace}/${accountName(role)}`;
  if (error.status === 404) {
    return new VisibleError(`There is no ServiceAccount ${account}.`, {
      hint: '"pulumi up" makes it; in a program of your own declare a FleetAccess.',
    });
  }
  if (error.status !== 403) return error;
  return new VisibleError(`You may not make tokens for ${account}.`, {
    hint: `Ask for the right to create serviceaccounts/token in ${namespace}; the role "clusters" has it.`,
  });
}

/** https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
export function execCredential({ token, expires }: IssuedToken): string {
  return JSON.stringify({
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: { token, expirationTimestamp: expires },
  });
}
