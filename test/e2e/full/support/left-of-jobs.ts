// What a namespace still holds of builders' Jobs, whatever kind it is. Asks the API server.
import { JOB_LABEL } from "../../../../builders/kubernetes-job/contract.ts";
import type { KubernetesApi } from "../../../../kubernetes/api.ts";

const RBAC = "rbac.authorization.k8s.io/v1";
const KINDS = [
  ["batch/v1", "Job"],
  ...["Pod", "Secret", "ConfigMap", "ServiceAccount"].map((kind) => ["v1", kind] as const),
  [RBAC, "Role"],
  [RBAC, "RoleBinding"],
  ["networking.k8s.io/v1", "NetworkPolicy"],
] as const;

/** Kind and name of each. */
export async function leftOfJobs(api: KubernetesApi, namespace: string): Promise<string[]> {
  const lists = KINDS.map(([apiVersion, kind]) =>
    api.listMetadata({ apiVersion, kind, namespace }, { labelSelector: JOB_LABEL }),
  );
  return (await Promise.all(lists)).flat().map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}
