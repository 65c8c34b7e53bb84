// Kubeconfigs for one role of a fleet that need no other file but what their text says. Pure.
import { stringify } from "yaml";
import type { Connection } from "./kubeconfig.ts";

export interface RoleConfig {
  namespace: string;
  account: string;
  /** How its bearer gets in: https://kubernetes.io/docs/reference/access-authn-authz/authentication/ */
  user: { token: string } | { tokenFile: string } | { exec: ExecPlugin };
}

/** https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#ExecConfig */
export interface ExecPlugin {
  apiVersion: "client.authentication.k8s.io/v1";
  command: string;
  args: string[];
  env: { name: string; value: string }[];
  installHint: string;
  interactiveMode: "Never";
}

/** YAML. */
export function roleKubeconfig(
  { server, tls }: Pick<Connection, "server" | "tls">,
  { namespace, account, user }: RoleConfig,
): string {
  const name = `${namespace}-${account}`;
  const { ca } = tls;
  const cluster = {
    server,
    ...(ca !== undefined && {
      "certificate-authority-data": Buffer.from(ca as Buffer | string).toString("base64"),
    }),
    ...(tls.rejectUnauthorized === false && { "insecure-skip-tls-verify": true }),
    ...(tls.servername !== undefined && { "tls-server-name": tls.servername }),
  };
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": name,
      clusters: [{ name, cluster }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    },
    { lineWidth: 0 },
  );
}

/**
 * Runs `edgeflock token` whenever a token is needed, as whoever has this kubeconfig: nothing in it is secret or expires.
 *
 * @param from where that person's own rights come from: not from this file, which would ask itself
 */
export function tokenPlugin(
  role: string,
  cluster: string,
  from: { kubeconfig?: string | undefined; context?: string | undefined },
): ExecPlugin {
  const context = from.context === undefined ? [] : ["--context", from.context];
  return {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "npx",
    // "--no": what is not installed must not be fetched from a registry by its mere name.
    args: ["--no", "edgeflock", "token", role, "--cluster", cluster, ...context, "--exec-credential"],
    env: [{ name: "KUBECONFIG", value: from.kubeconfig ?? "" }],
    installHint: "Run it in the folder of the Pulumi project, where edgeflock is installed.",
    interactiveMode: "Never",
  };
}
