// The definitions of the four kinds and their admission policies in a Kubernetes of a test's own, without the stack that
// a person installs them by: for tests that are about something else.
import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesApi, KubernetesObject } from "../../kubernetes/api.ts";
import { admissionObjects } from "../../model/custom-resources/admission-policies.ts";
import { customResourceDefinitions } from "../../model/custom-resources/definitions.ts";

const WITHIN_MS = 60_000;

/** Resolves once the kinds are served. */
export async function installKinds(api: KubernetesApi): Promise<void> {
  const definitions = customResourceDefinitions() as unknown as KubernetesObject[];
  for (const definition of definitions) await api.create(definition);
  for (const { metadata } of definitions) await served(api, metadata.name);
  for (const policy of admissionObjects()) await api.create(policy as unknown as KubernetesObject);
}

async function served(api: KubernetesApi, name: string): Promise<void> {
  const address = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
  };
  await until(`${name} is established`, async () => {
    type Live = { status?: { conditions?: { type: string; status: string }[] } };
    const { status } = await api.get<Live>(address);
    return status?.conditions?.some((each) => each.type === "Established" && each.status === "True") ?? false;
  });
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WITHIN_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`after a minute not yet: ${what}`);
    await sleep(100);
  }
}
