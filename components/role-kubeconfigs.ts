// A kubeconfig for each role of a fleet, as stack outputs. They hold no token: one would expire in the state, and a new
// one at each update would be a change at each update. Reads the kubeconfig that the stack uses.
import { resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { loadConnection } from "../kubernetes/kubeconfig.ts";
import { roleKubeconfig, tokenPlugin } from "../kubernetes/role-kubeconfig.ts";
import { ACCESS_ROLES, type AccessRole, accountName } from "../model/access-plan.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { reportable } from "./visible.ts";

/** Secret, as they tell where the cluster is and how it is reached. */
export function roleKubeconfigs(cluster: DevicesCluster): pulumi.Output<Record<AccessRole, string>> {
  const { target } = cluster.connection;
  const kubeconfig = target.kubeconfig === undefined ? undefined : resolve(target.kubeconfig);
  const texts = reportable(async () => {
    const connection = await loadConnection(target);
    const from = { kubeconfig, context: connection.contextName };
    const entries = ACCESS_ROLES.map((role) => {
      const user = { exec: tokenPlugin(role, cluster.clusterName, from) };
      const text = roleKubeconfig(connection, {
        namespace: cluster.namespaceName,
        account: accountName(role),
        user,
      });
      return [role, text] as const;
    });
    return Object.fromEntries(entries) as Record<AccessRole, string>;
  });
  return pulumi.secret(texts);
}
