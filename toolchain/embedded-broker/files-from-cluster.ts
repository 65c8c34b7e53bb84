// Mosquitto's two files put together from a fleet's Secrets, and what it lets devices in by where those have
// certificates. Asks the API server.
import type { KubernetesApi, KubernetesObject } from "../../kubernetes/api.ts";
import { BROKER_LABEL } from "../../model/mqtt-access.ts";
import { AUTHORITY_CONFIG_MAP, AUTHORITY_FILES } from "../../model/mqtt-certificates.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { AccessFiles } from "./broker.ts";

type ConfigMap = KubernetesObject & { data?: Record<string, string> };
type Secret = KubernetesObject & { data?: Record<string, string> };

export interface ClusterFiles extends AccessFiles {
  /** By the file's name: certificate of the fleet's authority, and list of the revoked ones. */
  certificates?: Record<string, string>;
}

/** @throws VisibleError where the namespace has no such Secrets */
export async function filesFromCluster(api: KubernetesApi, namespace: string): Promise<ClusterFiles> {
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
  const certificates = await authorityFiles(api, namespace);
  return {
    passwordfile: joined("passwordfile"),
    aclfile: joined("aclfile"),
    ...(certificates && { certificates }),
  };
}

/** Undefined where the devices have passwords. */
async function authorityFiles(
  api: KubernetesApi,
  namespace: string,
): Promise<Record<string, string> | undefined> {
  const metadata = { namespace, name: AUTHORITY_CONFIG_MAP };
  const found = await api.getOrUndefined<ConfigMap>({ apiVersion: "v1", kind: "ConfigMap", metadata });
  if (!found) return undefined;
  return Object.fromEntries(Object.values(AUTHORITY_FILES).map((name) => [name, found.data?.[name] ?? ""]));
}
