// What of an artefact store is still in use: asks the classes themselves, in the cluster that they are in. Reads only.
import type { StoredArtifact } from "../../builders/contract.ts";
import type { KubernetesApi, KubernetesObject } from "../../kubernetes/api.ts";
import { flashConfigMapName } from "../../model/names.ts";

/** What was put so recently may be of an `up` that has not come to its class yet (ms). */
const RECENT = 60 * 60_000;

export interface Judged extends StoredArtifact {
  /** Why it may go; undefined where it stays. */
  garbage?: string;
  /** Why it stays. */
  kept?: string;
}

export interface JudgeOptions {
  api: KubernetesApi;
  clusterUid: string;
  /** Of the fleet whose store it is. */
  namespace: string;
  /** Whether the store is that namespace itself. */
  inCluster: boolean;
  now?: number;
}

/** An artefact is garbage only where it is sure that no class refers to it: what others use cannot be asked, so it stays. */
export async function judge(stored: readonly StoredArtifact[], options: JudgeOptions): Promise<Judged[]> {
  const used = new Map<string, Promise<string | undefined>>();
  const digestOf = (namespace: string, className: string) => {
    const key = `${namespace}/${className}`;
    const known = used.get(key) ?? classDigest(options.api, namespace, className);
    used.set(key, known);
    return known;
  };
  const inNamespace = options.inCluster ? await digestsIn(options.api, options.namespace) : new Set<string>();
  const judged: Judged[] = [];
  for (const one of stored) {
    const age = (options.now ?? Date.now()) - Date.parse(one.putAt ?? "");
    if (age < RECENT) judged.push({ ...one, kept: "put just now" });
    else if (options.inCluster) {
      judged.push(
        inNamespace.has(one.digest)
          ? { ...one, kept: "a class uses it" }
          : { ...one, garbage: "no class uses it" },
      );
    } else if (one.user === undefined) judged.push({ ...one, garbage: "nobody uses it" });
    else if (one.place?.clusterUid !== options.clusterUid)
      judged.push({ ...one, kept: "of another Kubernetes, which is not asked" });
    else {
      const { namespace, class: name } = one.place;
      const digest = await digestOf(namespace, name);
      if (digest === one.digest) judged.push({ ...one, kept: `class ${name} uses it` });
      else
        judged.push({
          ...one,
          garbage: digest === undefined ? `class ${name} is gone` : `class ${name} uses another`,
        });
    }
  }
  return judged;
}

type FlashMap = KubernetesObject & { data?: Record<string, string> };

async function classDigest(api: KubernetesApi, namespace: string, name: string): Promise<string | undefined> {
  const metadata = { name: flashConfigMapName(name), namespace };
  const map = await api.getOrUndefined<FlashMap>({ apiVersion: "v1", kind: "ConfigMap", metadata });
  return map && digestIn(map);
}

async function digestsIn(api: KubernetesApi, namespace: string): Promise<Set<string>> {
  const labelSelector = "edgeflock.io/class";
  const maps = await api.list<FlashMap>(
    { apiVersion: "v1", kind: "ConfigMap", namespace },
    { labelSelector },
  );
  return new Set(maps.map(digestIn).filter((digest) => digest !== undefined));
}

function digestIn(map: FlashMap): string | undefined {
  try {
    return (JSON.parse(map.data?.["artifact.json"] ?? "") as { digest?: string }).digest;
  } catch {
    return undefined;
  }
}
