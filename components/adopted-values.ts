// The adopted values of a fleet's namespace (docs/adopting.md). Asks the API server.
import * as pulumi from "@pulumi/pulumi";
import type { KubernetesApi } from "../kubernetes/api.ts";
import { ADOPTED_LABEL, type Adopted } from "../model/adopted.ts";
import { reportable } from "./visible.ts";

/** Secret. None where the namespace is not there yet. */
export function adoptedValues(api: () => Promise<KubernetesApi>, namespace: string): pulumi.Output<Adopted> {
  return pulumi.secret(reportable(async () => readAdoptedValues(await api(), namespace)));
}

export async function readAdoptedValues(api: KubernetesApi, namespace: string): Promise<Adopted> {
  const secrets = await api.list<{ data?: Record<string, string> }>(
    { apiVersion: "v1", kind: "Secret", namespace },
    { labelSelector: `${ADOPTED_LABEL}=true` },
  );
  const entries = secrets.flatMap(({ data }) => Object.entries(data ?? {}));
  return Object.fromEntries(
    entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );
}
