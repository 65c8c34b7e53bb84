// Mosquitto's two files put together from a fleet's Secrets. Asks the API server.
import type { KubernetesApi, KubernetesObject } from "../../kubernetes/api.ts";
import { BROKER_LABEL } from "../../model/mqtt-access.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { AccessFiles } from "./broker.ts";

type Secret = KubernetesObject & { data?: Record<string, string> };

/** @throws VisibleError where the namespace has no such Secrets */
export async function filesFromCluster(api: KubernetesApi, namespace: string): Promise<AccessFiles> {
  const kind = { apiVersion: "v1", kind: "Secret", namespace };
  const secrets = (await api.list<Secret>(kind, { labelSelector: BROKER_LABEL })).filter(
    ({ data }) => data?.passwordfile !== undefined && data.aclfile !== undefined,
  );
  if (secrets.length === 0) {
    throw new VisibleError(`The namespace ${namespace} has no Secrets with a Mosquitto's files.`, {
      hint: 'They are made by "pulumi up" where a DevicesCluster has mqtt.broker.kind: mosquitto.',
    });
  }
  secrets.sort((a, b) => a.metadata.name.localeCompare(b.metadata.name, "en", { numeric: true }));
  const joined = (key: string) =>
    secrets.map(({ data }) => Buffer.from(data![key]!, "base64").toString()).join("");
  return { passwordfile: joined("passwordfile"), aclfile: joined("aclfile") };
}
