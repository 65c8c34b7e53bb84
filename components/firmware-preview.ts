// What a preview says of a class's firmware: whether it would be built, and because of which input. Asks the cluster what
// the class has now, and the artefact store whether somebody built it already; builds and changes nothing.
import * as pulumi from "@pulumi/pulumi";
import type { PlannedFirmware } from "../builders/build-firmware.ts";
import { changedParts } from "../builders/content-hash.ts";
import { openStore, type StoreAccess } from "../builders/stores/open-store.ts";
import type { KubernetesObject } from "../kubernetes/api.ts";
import { flashConfigMapName } from "../model/names.ts";
import type { DevicesCluster } from "./devices-cluster.ts";

/** Key of ConfigMap `<class>-flash`: what its firmware was built from. */
export const BUILD_KEY = "build.json";

interface BuiltFrom {
  contentHash: string;
  builtFrom: Record<string, string>;
}

export function buildText({ hash, parts }: PlannedFirmware): string {
  return JSON.stringify({ contentHash: hash, builtFrom: parts } satisfies BuiltFrom);
}

/** Says it once a preview, and only where something would be done. What cannot be asked is not known, and it says why. */
export function announceBuild(
  className: string,
  cluster: DevicesCluster,
  plan: pulumi.Output<PlannedFirmware>,
  readsSecrets: boolean,
  resource: pulumi.Resource,
): void {
  if (!pulumi.runtime.isDryRun()) return;
  plan.apply(async (planned) => {
    try {
      const before = await builtBefore(className, cluster);
      if (before?.contentHash === planned.hash) return;
      const changed = before ? changedParts(before.builtFrom, planned.parts) : [];
      const why = changed.length > 0 ? `; changed: ${changed.join(", ")}` : "";
      const where = await alreadyBuilt(className, cluster, planned, readsSecrets);
      const what = where === undefined ? "will be built" : `was built already (${where}): nothing to build`;
      await pulumi.log.info(`the firmware of class ${className} ${what}${why}`, resource);
    } catch (error) {
      // a preview without it is still a preview
      const why = firstLine(error);
      await pulumi.log.warn(
        `whether the firmware of class ${className} will be built is not known: ${why}`,
        resource,
      );
    }
  });
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}

async function builtBefore(className: string, cluster: DevicesCluster): Promise<BuiltFrom | undefined> {
  const metadata = { name: flashConfigMapName(className), namespace: cluster.namespaceName };
  const api = await cluster.connection.api();
  const map = await api.getOrUndefined<KubernetesObject & { data?: Record<string, string> }>({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata,
  });
  const text = map?.data?.[BUILD_KEY];
  return text === undefined ? undefined : (JSON.parse(text) as BuiltFrom);
}

/** Where somebody built it already; undefined where nobody did, or nobody can be asked. */
async function alreadyBuilt(
  className: string,
  cluster: DevicesCluster,
  planned: PlannedFirmware,
  readsSecrets: boolean,
): Promise<string | undefined> {
  if (planned.cached) return "cache of this machine";
  if (readsSecrets) return undefined;
  const access = await knownValue(cluster.artifacts.access);
  if (access === undefined && cluster.artifacts.access) return undefined;
  const store = await openStore(cluster.artifacts.store, {
    user: "",
    place: { clusterUid: "", namespace: cluster.namespaceName, class: className },
    access: access === undefined ? {} : (JSON.parse(access) as StoreAccess),
    api: () => cluster.connection.api(),
  });
  return (await store.findBuild(planned.hash)) === undefined ? undefined : "artefact store";
}

/** Undefined where it is not known yet: in the first preview of a fleet its key is not there. */
async function knownValue(output: pulumi.Output<string> | undefined): Promise<string | undefined> {
  // what the SDK keeps of every output, and does not declare
  const inside = output as unknown as { isKnown: Promise<boolean>; promise(): Promise<string> } | undefined;
  return inside && (await inside.isKnown) ? await inside.promise() : undefined;
}
