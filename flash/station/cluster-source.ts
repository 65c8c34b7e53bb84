// A station's source in the cluster: ConfigMap `<class>-flash`, the devices' Secrets and their Leases. Talks to the
// API server with the person's own rights; reads no more than the flash script does, and lists the class's devices.
import { createHash } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { unpackArchive } from "../../builders/artifact-archive.ts";
import { damaged, gunzipArchive } from "../../builders/artifact-files.ts";
import type { ArtifactLocation, ArtifactReference } from "../../builders/contract.ts";
import { storeUrl } from "../../builders/stores/store-url.ts";
import type { KubernetesApi } from "../../kubernetes/api.ts";
import { KubernetesError } from "../../kubernetes/kubernetes-error.ts";
import {
  CLASS_LABEL,
  CLUSTER_LABEL,
  DEVICE_LABEL,
  deviceSecretName,
  flashConfigMapName,
} from "../../model/names.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { BoardLeases, boardsIn, type ClassPlace, type FlashFacts } from "../board-lease.ts";
import { type BoardRecord, latestByMac } from "../board-record.ts";
import { checkDeviceSecret, type DeviceSecretObject } from "./check-config.ts";
import { fetchOutside } from "./fetch-outside.ts";
import type { DeviceConfig, FlashSource } from "./flash-source.ts";

/** Secrets in one page of a list: each comes with its image. */
const PAGE = 50;

interface ConfigMap {
  metadata: { labels?: Record<string, string> };
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

export class ClusterSource implements FlashSource {
  readonly place: ClassPlace;
  readonly artifact: ArtifactReference;
  readonly who: string;
  readonly leases: BoardLeases;
  readonly #api: KubernetesApi;

  private constructor(api: KubernetesApi, place: ClassPlace, artifact: ArtifactReference, who: string) {
    this.#api = api;
    this.place = place;
    this.artifact = artifact;
    this.who = who;
    this.leases = new BoardLeases(api, place);
  }

  /** @throws VisibleError when the namespace has no such class, or its firmware was not built yet */
  static async open(api: KubernetesApi, namespace: string, className: string): Promise<ClusterSource> {
    const name = flashConfigMapName(className);
    const map = await api.getOrUndefined<ConfigMap>({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace },
    });
    const cluster = map?.metadata.labels?.[CLUSTER_LABEL];
    const reference = map?.data?.["artifact.json"];
    if (cluster === undefined || reference === undefined) {
      throw new VisibleError(
        `There is no device class "${className}" in namespace "${namespace}" (ConfigMap ${name}).`,
        {
          hint: 'Check --namespace and --context; "pulumi up" makes it.',
          exitCode: 6,
        },
      );
    }
    const artifact = JSON.parse(reference) as ArtifactReference;
    return new ClusterSource(api, { cluster, namespace, class: className }, artifact, await whoAmI(api));
  }

  async firmware(): Promise<ReadonlyMap<string, Uint8Array>> {
    const { digest, store } = this.artifact;
    const archive =
      store.kind === "cluster"
        ? await this.#fetchParts(store, digest)
        : await fetchOutside(this.#api, this.place.namespace, this.artifact);
    if (archive === undefined) throw damaged(digest, placeOf(store));
    const files = unpackArchive(archive, "the firmware artefact");
    for (const { path, sha256 } of this.artifact.files) {
      const bytes = files.get(path);
      if (!bytes || createHash("sha256").update(bytes).digest("hex") !== sha256)
        throw damaged(digest, `its file ${path}`);
    }
    return files;
  }

  async *devices(): AsyncIterable<string> {
    const path = `/api/v1/namespaces/${this.place.namespace}/secrets`;
    const labelSelector = `${CLUSTER_LABEL}=${this.place.cluster},${CLASS_LABEL}=${this.place.class},${DEVICE_LABEL}`;
    let next: string | undefined;
    do {
      const page = await this.#api.request<{ items: DeviceSecretObject[]; metadata: { continue?: string } }>(
        "GET",
        path,
        {
          query: { limit: PAGE, continue: next, labelSelector },
        },
      );
      for (const { metadata } of page.items) yield metadata.labels?.[DEVICE_LABEL] as string;
      next = page.metadata.continue || undefined;
    } while (next);
  }

  boards(): Promise<BoardRecord[]> {
    return this.leases.list();
  }

  async config(device: string): Promise<DeviceConfig> {
    const metadata = { name: deviceSecretName(device), namespace: this.place.namespace };
    const secret = await this.#api.getOrUndefined<DeviceSecretObject>({
      apiVersion: "v1",
      kind: "Secret",
      metadata,
    });
    if (!secret) {
      const message = `There is no device "${device}" in namespace ${this.place.namespace}.`;
      throw new VisibleError(message, { hint: "Check its name.", exitCode: 6 });
    }
    return checkDeviceSecret(device, secret, this.place, this.artifact.config);
  }

  async deviceOf(mac: string): ReturnType<FlashSource["deviceOf"]> {
    return latestByMac(await boardsIn(this.#api, this.place.namespace, this.place.cluster)).get(mac);
  }

  claim(device: string, mac: string): Promise<BoardRecord> {
    return this.leases.claim(device, mac);
  }

  async startWriting(device: string, mac: string): Promise<void> {
    await this.leases.startWriting(device, mac);
  }

  async record(device: string, mac: string, facts: FlashFacts): Promise<void> {
    await this.leases.record(device, mac, facts);
  }

  async #fetchParts(
    store: { namespace: string; parts: string[]; objects?: "Secret" },
    digest: string,
  ): Promise<Uint8Array | undefined> {
    const pieces: Buffer[] = [];
    for (const name of store.parts) {
      const metadata = { name, namespace: store.namespace };
      const kind = store.objects ?? "ConfigMap";
      const part = await this.#api.getOrUndefined<ConfigMap>({ apiVersion: "v1", kind, metadata });
      pieces.push(Buffer.from((part?.binaryData ?? part?.data)?.part ?? "", "base64"));
    }
    return gunzipArchive(Buffer.concat(pieces), digest);
  }
}

/** For messages. */
function placeOf(store: ArtifactLocation): string {
  switch (store.kind) {
    case "cluster":
      return `namespace ${store.namespace}`;
    case "directory":
      return store.path;
    default:
      return storeUrl(store);
  }
}

/** The name under which the cluster knows the person, else the one on this computer. */
async function whoAmI(api: KubernetesApi): Promise<string> {
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  try {
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const { status } = await api.request<{ status?: { userInfo?: { username?: string } } }>("POST", path, {
      body,
    });
    if (status?.userInfo?.username) return status.userInfo.username;
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
  }
  return `${userInfo().username}@${hostname()}`;
}
