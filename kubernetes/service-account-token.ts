// Tokens of ServiceAccounts that expire by themselves. Asks the API server; keeps nothing.
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
import type { KubernetesApi } from "./api.ts";

/** The API server gives none that is shorter. */
export const MIN_TOKEN_SECONDS = 600;

export interface IssuedToken {
  token: string;
  /** RFC 3339. The server may give less time than was asked for. */
  expires: string;
}

/** @throws KubernetesError 404 where there is no such ServiceAccount, 403 without the right to make its tokens */
export async function requestToken(
  api: KubernetesApi,
  account: { namespace: string; name: string },
  seconds: number,
): Promise<IssuedToken> {
  const metadata = { namespace: account.namespace, name: account.name };
  const path = await api.pathOf({ apiVersion: "v1", kind: "ServiceAccount", metadata });
  const body = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: seconds },
  };
  const { status } = await api.request<{ status: { token: string; expirationTimestamp: string } }>(
    "POST",
    `${path}/token`,
    { body },
  );
  return { token: status.token, expires: status.expirationTimestamp };
}
