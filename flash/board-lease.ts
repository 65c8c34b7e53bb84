// Lease `<device>-board`: which board has a device, and what was flashed onto it. The flash script writes the same
// (flash-script/lease.sh). Talks to the API server; who creates or changes the Lease first wins.
import type { KubernetesApi } from "../kubernetes/api.ts";
import { KubernetesError } from "../kubernetes/kubernetes-error.ts";
import { CONFIG_DIGEST_ANNOTATION, GENERATION_ANNOTATION, generationIn } from "../model/annotations.ts";
import { boardLeaseName, CLASS_LABEL, CLUSTER_LABEL, DEVICE_LABEL, objectLabels } from "../model/names.ts";
import { BoardConflict, type BoardRecord, isBundle, noBoard, rfc3339 } from "./board-record.ts";

/** Where the devices of one class live. */
export interface ClassPlace {
  cluster: string;
  namespace: string;
  class: string;
}

/** What a flash changed. What is left out stays as it was. */
export interface FlashFacts {
  config?: { digest: string; generation?: number | undefined };
  artifactDigest?: string;
  firmwareVersion?: string;
  flashedBy: string;
  /** Default now. */
  flashedAt?: string;
}

interface Lease {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string | null>;
  };
  spec?: { holderIdentity?: string; acquireTime?: string };
}

const API = { apiVersion: "coordination.k8s.io/v1", kind: "Lease" } as const;
/** What was flashed is no longer true once the board is written anew, or another becomes the device. */
const CLEARED: Record<string, null> = {
  [CONFIG_DIGEST_ANNOTATION]: null,
  [GENERATION_ANNOTATION]: null,
  "edgeflock.io/artifact-digest": null,
  "edgeflock.io/firmware-version": null,
  "edgeflock.io/flashed-at": null,
  "edgeflock.io/flashed-by": null,
};

/** The fields of a record that those annotations hold. */
const FACTS = [
  "configDigest",
  "generation",
  "artifactDigest",
  "firmwareVersion",
  "flashedAt",
  "flashedBy",
] as const satisfies (keyof BoardRecord)[];

export class BoardLeases {
  readonly #api: KubernetesApi;
  readonly #place: ClassPlace;

  constructor(api: KubernetesApi, place: ClassPlace) {
    this.#api = api;
    this.#place = place;
  }

  async read(device: string): Promise<BoardRecord> {
    return recordOf(device, await this.#api.getOrUndefined<Lease>(this.#address(device)));
  }

  /** Those of the whole class that have one. */
  async list(): Promise<BoardRecord[]> {
    const { namespace, cluster, class: className } = this.#place;
    const labelSelector = `${CLUSTER_LABEL}=${cluster},${CLASS_LABEL}=${className},${DEVICE_LABEL}`;
    const leases = await this.#api.list<Lease>({ ...API, namespace }, { labelSelector });
    return leases.map((lease) => recordOf(lease.metadata.labels?.[DEVICE_LABEL] as string, lease));
  }

  /**
   * Gives a device to a board (or, with `bundle:<id>`, to a bundle), if it is free or that board's already.
   *
   * @param options.from the holder that may lose it: the one that a person named, or the bundle that it was in
   * @throws BoardConflict when another has it
   */
  async claim(device: string, holder: string, options: { from?: string } = {}): Promise<BoardRecord> {
    for (;;) {
      const record = await this.read(device);
      if (record.holder === holder) return record;
      if (record.holder !== undefined && record.holder !== options.from) {
        throw new BoardConflict(device, record.holder, holder, record.flashedAt);
      }
      const taken =
        record.resourceVersion === undefined
          ? await this.#create(device, holder)
          : await this.#take(record, holder);
      if (taken) return taken;
    }
  }

  /**
   * Notes that this board is being written: what it held is no longer true until {@link record} says what it holds.
   *
   * @throws BoardConflict when the device was given to another meanwhile
   */
  async startWriting(device: string, mac: string): Promise<void> {
    for (;;) {
      const record = await this.read(device);
      const { holder, resourceVersion } = record;
      if (holder !== mac || resourceVersion === undefined)
        throw new BoardConflict(device, holder ?? "nobody", mac);
      if (FACTS.every((fact) => record[fact] === undefined)) return;
      if (await this.#patch(device, { resourceVersion, annotations: CLEARED })) return;
    }
  }

  /** Frees a device of its holder. @returns false where another has it meanwhile */
  async release(device: string, holder: string): Promise<boolean> {
    const record = await this.read(device);
    if (record.holder !== holder || record.resourceVersion === undefined) return false;
    const annotations = { ...CLEARED, ...previousMac(holder), "edgeflock.io/mac": null };
    const { resourceVersion } = record;
    return (await this.#patch(device, { resourceVersion, holder: null, annotations })) !== undefined;
  }

  /** Notes what the board holds now. @throws BoardConflict when the device was given to another meanwhile */
  async record(device: string, mac: string, facts: FlashFacts): Promise<void> {
    const { config } = facts;
    const annotations = withoutUndefined({
      "edgeflock.io/mac": mac,
      ...(config && {
        [CONFIG_DIGEST_ANNOTATION]: config.digest,
        [GENERATION_ANNOTATION]: config.generation === undefined ? null : String(config.generation),
      }),
      "edgeflock.io/artifact-digest": facts.artifactDigest,
      "edgeflock.io/firmware-version": facts.firmwareVersion,
      "edgeflock.io/flashed-at": facts.flashedAt ?? rfc3339(),
      "edgeflock.io/flashed-by": facts.flashedBy,
    });
    for (;;) {
      const { holder, resourceVersion } = await this.read(device);
      if (holder !== mac || resourceVersion === undefined)
        throw new BoardConflict(device, holder ?? "nobody", mac);
      if (await this.#patch(device, { resourceVersion, annotations })) return;
    }
  }

  async #create(device: string, holder: string): Promise<BoardRecord | undefined> {
    const { metadata } = this.#address(device);
    const lease: Lease = {
      ...API,
      metadata: {
        ...metadata,
        labels: objectLabels({ ...this.#place, device }),
        annotations: isBundle(holder) ? {} : { "edgeflock.io/mac": holder },
      },
      spec: { holderIdentity: holder, acquireTime: microTime() },
    };
    try {
      return recordOf(device, await this.#api.create<Lease>(lease));
    } catch (error) {
      if (error instanceof KubernetesError && error.reason === "AlreadyExists") return undefined;
      throw error;
    }
  }

  async #take(record: BoardRecord, holder: string): Promise<BoardRecord | undefined> {
    const mac = isBundle(holder) ? null : holder;
    const { resourceVersion } = record as { resourceVersion: string };
    return this.#patch(record.device, {
      resourceVersion,
      holder,
      annotations: { ...CLEARED, ...previousMac(record.holder), "edgeflock.io/mac": mac },
    });
  }

  /** @returns undefined when the Lease is no longer the one of `resourceVersion` */
  async #patch(
    device: string,
    change: { resourceVersion: string; holder?: string | null; annotations: Record<string, string | null> },
  ): Promise<BoardRecord | undefined> {
    const { resourceVersion, annotations, holder } = change;
    const body = {
      metadata: { resourceVersion, annotations },
      ...(holder !== undefined && {
        spec: { holderIdentity: holder, acquireTime: holder === null ? null : microTime() },
      }),
    };
    try {
      const path = await this.#api.pathOf(this.#address(device));
      const contentType = "application/merge-patch+json";
      return recordOf(device, await this.#api.request<Lease>("PATCH", path, { body, contentType }));
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 409) return undefined;
      throw error;
    }
  }

  #address(device: string) {
    return { ...API, metadata: { name: boardLeaseName(device), namespace: this.#place.namespace } };
  }
}

/**
 * All boards of a namespace, whatever their class.
 *
 * @param cluster of this DevicesCluster alone
 */
export async function boardsIn(
  api: KubernetesApi,
  namespace: string,
  cluster?: string,
): Promise<(BoardRecord & { class: string | undefined })[]> {
  const labelSelector = `${CLUSTER_LABEL}${cluster === undefined ? "" : `=${cluster}`},${DEVICE_LABEL}`;
  const leases = await api.list<Lease>({ ...API, namespace }, { labelSelector });
  return leases.map((lease) => {
    const { labels } = lease.metadata;
    return { ...recordOf(labels?.[DEVICE_LABEL] as string, lease), class: labels?.[CLASS_LABEL] };
  });
}

function recordOf(device: string, lease: Lease | undefined): BoardRecord {
  const of = (name: string) => lease?.metadata.annotations?.[`edgeflock.io/${name}`] ?? undefined;
  return {
    ...noBoard(device),
    holder: lease?.spec?.holderIdentity || undefined,
    takenAt: lease?.spec?.acquireTime || undefined,
    configDigest: of("config-digest"),
    generation: generationIn(lease?.metadata.annotations as Record<string, string | null> | undefined),
    artifactDigest: of("artifact-digest"),
    firmwareVersion: of("firmware-version"),
    flashedAt: of("flashed-at"),
    flashedBy: of("flashed-by"),
    resourceVersion: lease?.metadata.resourceVersion,
  };
}

function previousMac(holder: string | undefined): Record<string, string> {
  return holder && !isBundle(holder) ? { "edgeflock.io/previous-mac": holder } : {};
}

function withoutUndefined<T>(values: Record<string, T | undefined>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Record<
    string,
    T
  >;
}

function microTime(): string {
  return new Date().toISOString().replace("Z", "000Z");
}
