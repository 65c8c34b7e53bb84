// The definitions of the four kinds and their admission policies in a test's Kubernetes, without the stack that a person
// installs them by: for tests that are about something else and share the cluster with the test of that stack.
import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesApi, KubernetesObject } from "../../kubernetes/api.ts";
import { admissionObjects } from "../../model/custom-resources/admission-policies.ts";
import { customResourceDefinitions } from "../../model/custom-resources/definitions.ts";

const WITHIN_MS = 60_000;

/** Installs what isn't there; afterwards takes away what it installed, and every object of the kinds with it. */
export async function installKinds(api: KubernetesApi): Promise<AsyncDisposable> {
  const definitions = await create(api, customResourceDefinitions() as unknown as KubernetesObject[]);
  for (const { metadata } of definitions) await served(api, metadata.name);
  const policies = await create(api, admissionObjects() as unknown as KubernetesObject[]);
  return {
    async [Symbol.asyncDispose]() {
      for (const object of [...policies, ...definitions]) await api.delete(object);
      await until("the definitions are gone", async () => {
        const left = await Promise.all(definitions.map((definition) => api.getOrUndefined(definition)));
        return left.every((object) => object === undefined);
      });
    },
  };
}

async function create(api: KubernetesApi, objects: KubernetesObject[]): Promise<KubernetesObject[]> {
  const created: KubernetesObject[] = [];
  for (const object of objects) {
    if (await api.getOrUndefined(object)) continue;
    await api.create(object);
    created.push(object);
  }
  return created;
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
