// After an update that came after a killed one, whose state was not saved: deletes what that one had created and nobody
// declares any more. Asks pulumi for the state; lists and deletes objects that bear the stack's own tokens.
import { TOPOLOGY_KINDS } from "../../builders/rabbitmq/topology-objects.ts";
import { rootKeyOf } from "../../components/root-key.ts";
import { type KubernetesApi, KubernetesError, type KubernetesObject } from "../../kubernetes/api.ts";
import { deleteOwned } from "../../kubernetes/owned-object.ts";
import { rootKeyFingerprint } from "../../model/derivation.ts";
import { loadManifests } from "../../model/load-manifests.ts";
import type { DeclaredObject } from "../../model/load-objects.ts";
import { MANAGED_BY, MANAGED_BY_LABEL, ROOT_KEY_NAME } from "../../model/names.ts";
import { readManifestFiles } from "../../model/read-manifest-files.ts";
import { quietPulumi, type StackRun } from "../../toolchain/quiet-pulumi.ts";
import {
  declaredFolder,
  ownConfig,
  plainStackName,
  readProjectFile,
  readStackConfig,
} from "../../toolchain/stack-file.ts";
import { connectStack } from "../connect-stack.ts";
import { certainlyOurs, namespacesOf, orphans, type StateResource } from "./orphans.ts";

const RBAC = "rbac.authorization.k8s.io/v1";
const IN_NAMESPACE = [
  ["v1", "Secret"],
  ["v1", "ConfigMap"],
  ["v1", "ServiceAccount"],
  [RBAC, "Role"],
  [RBAC, "RoleBinding"],
] as const;
/** A Namespace comes last: what is in it goes with it. */
const CLUSTER_WIDE = [
  [RBAC, "ClusterRole"],
  [RBAC, "ClusterRoleBinding"],
  ["v1", "Namespace"],
] as const;

/** Call it after an update of the whole stack that succeeded: everything that is declared is in the state then. */
export async function clearOrphans(
  options: StackRun & { objects?: readonly DeclaredObject[] },
): Promise<void> {
  const { projectFolder, stack, progress, objects: declared } = options;
  const { name: project } = await readProjectFile(projectFolder);
  await progress.step("Looking for what the killed update had created", async () => {
    const resources = await stateResources(options);
    const get = ownConfig((await readStackConfig(projectFolder, stack)) ?? {});
    const api = await connectStack(projectFolder, get);
    const namespaces = new Set([
      ...namespacesOf(resources),
      ...(declared
        ? namespacesOfObjects(declared)
        : declaredNamespaces(declaredFolder(projectFolder, stack, get))),
    ]);
    const objects = await ourObjects(api, [...namespaces]);
    const all = orphans(objects, resources, `${project}/${plainStackName(stack)}`);
    const key = all.some(({ object }) => object.metadata.namespace === undefined)
      ? await ownKey(options)
      : undefined;
    const found = certainlyOurs(all, key && rootKeyFingerprint(key), [...namespaces]);
    for (const { object, token } of found) {
      await deleteOwned(api, object, token);
      const { namespace, name } = object.metadata;
      progress.say(`Removed ${object.kind} ${namespace ? `${namespace}/` : ""}${name} of the killed update.`);
    }
  });
}

async function stateResources(run: StackRun): Promise<StateResource[]> {
  const exported = await quietPulumi(run, ["stack", "export"]);
  const { deployment } = JSON.parse(exported) as { deployment: { resources?: StateResource[] } };
  return deployment.resources ?? [];
}

/** Base64; of the state, which keeps it encrypted. It stays in this process. */
async function ownKey(run: StackRun): Promise<string | undefined> {
  const exported = await quietPulumi(run, ["stack", "export", "--show-secrets"]);
  const { deployment } = JSON.parse(exported) as { deployment: { resources?: StateResource[] } };
  const key = deployment.resources?.find(({ urn }) => urn.endsWith(`::${ROOT_KEY_NAME}`));
  const { plaintext } = (key?.outputs?.result ?? {}) as { plaintext?: string };
  return plaintext === undefined ? undefined : rootKeyOf(JSON.parse(plaintext) as string);
}

function namespacesOfObjects(objects: readonly DeclaredObject[]): string[] {
  return objects.filter(({ kind }) => kind === "DevicesCluster").map(({ spec }) => String(spec.namespace));
}

/** Of a program that declares its fleet itself there are no manifests; then the state's namespaces are all we know. */
function declaredNamespaces(folder: string): string[] {
  try {
    return loadManifests(readManifestFiles(folder)).clusters.map(({ manifest }) => manifest.spec.namespace);
  } catch {
    return [];
  }
}

async function ourObjects(api: KubernetesApi, namespaces: string[]): Promise<KubernetesObject[]> {
  const options = { labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}` };
  const objects: KubernetesObject[] = [];
  for (const namespace of namespaces) {
    for (const [apiVersion, kind] of IN_NAMESPACE) {
      objects.push(...(await api.listMetadata({ apiVersion, kind, namespace }, options)));
    }
    for (const kind of TOPOLOGY_KINDS.filter(({ apiVersion }) => apiVersion !== "v1")) {
      if (!(await api.hasKind(kind))) continue;
      objects.push(...(await api.listMetadata({ ...kind, namespace }, options)));
    }
  }
  for (const [apiVersion, kind] of CLUSTER_WIDE) {
    objects.push(...(await allowed(() => api.listMetadata({ apiVersion, kind }, options))));
  }
  return objects;
}

/** Who may work in namespaces only can have created nothing outside of them. */
async function allowed(list: () => Promise<KubernetesObject[]>): Promise<KubernetesObject[]> {
  return list().catch((error: unknown) => {
    if (error instanceof KubernetesError && error.status === 403) return [];
    throw error;
  });
}
