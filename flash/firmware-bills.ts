// Bills of materials of firmware that its class no longer has: boards may still run it, and the artefact itself goes with
// the next one. A ConfigMap each, in the fleet's namespace. Talks to the API server.
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { unpackArchive } from "../builders/artifact-archive.ts";
import { SBOM } from "../builders/sbom.ts";
import { type KubernetesApi, KubernetesError, type KubernetesObject } from "../kubernetes/api.ts";
import { deleteOwned, OWNER_ANNOTATION } from "../kubernetes/owned-object.ts";
import { billConfigMapName, objectLabels } from "../model/names.ts";
import { boardsIn, type ClassPlace } from "./board-lease.ts";
import type { BoardRecord } from "./board-record.ts";

/** On every bill that is kept. */
export const BILL_LABEL = "edgeflock.io/bill-of-materials";
const DIGEST_ANNOTATION = "edgeflock.io/artifact-digest";
const KEY = `${SBOM}.gz`;
/** An object takes 1 MiB. */
const LARGEST = 900 * 1024;
const FIELD_MANAGER = "edgeflock-bill";

type BillObject = KubernetesObject & { binaryData?: Record<string, string> };

/** Which firmware, and `<project>/<stack>/<resource>` of its class. */
export interface BillOf extends ClassPlace {
  digest: string;
  owner: string;
}

/** Keeps the bill of materials of an artefact. One without, or with one that no object takes, is not known later. */
export async function keepBill(api: KubernetesApi, of: BillOf, archive: Uint8Array): Promise<void> {
  const bytes = unpackArchive(archive, "the firmware artefact").get(SBOM);
  const packed = bytes && (await promisify(gzip)(bytes));
  if (!packed || packed.length > LARGEST) return;
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      namespace: of.namespace,
      name: billConfigMapName(of.class, of.digest),
      labels: { ...objectLabels({ cluster: of.cluster, class: of.class }), [BILL_LABEL]: "true" },
      annotations: { [OWNER_ANNOTATION]: of.owner, [DIGEST_ANNOTATION]: of.digest },
    },
    binaryData: { [KEY]: packed.toString("base64") },
  };
  await api.create(object, { fieldManager: FIELD_MANAGER }).catch((error: unknown) => {
    // its name says what is in it: an earlier run kept it
    if (!(error instanceof KubernetesError) || error.reason !== "AlreadyExists") throw error;
  });
}

/**
 * Removes the bills of these owners that nobody asks for any more: no board of the namespace has that firmware.
 * @param but digests whose bill stays in any case
 */
export async function dropBills(
  api: KubernetesApi,
  namespace: string,
  owners: readonly string[],
  but: readonly string[] = [],
): Promise<void> {
  const own = (await listBills(api, namespace)).filter(({ metadata }) =>
    owners.includes(metadata.annotations?.[OWNER_ANNOTATION] ?? ""),
  );
  if (own.length === 0) return;
  const boards = await boardsIn(api, namespace).catch((error: unknown): BoardRecord[] | undefined => {
    if (error instanceof KubernetesError && error.status === 403) return undefined;
    throw error;
  });
  // who may not see what boards run leaves it to somebody who may
  if (boards === undefined) return;
  const kept = new Set([...but, ...boards.map((board) => board.artifactDigest)]);
  for (const { metadata } of own) {
    if (kept.has(metadata.annotations?.[DIGEST_ANNOTATION] ?? "")) continue;
    const address = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: metadata.name, namespace } };
    await deleteOwned(api, address, metadata.annotations![OWNER_ANNOTATION]!);
  }
}

/** The bills that are kept in a namespace, as text, by digest of the artefact. One that somebody spoiled is left out. */
export async function readBills(api: KubernetesApi, namespace: string): Promise<Map<string, string>> {
  const bills = new Map<string, string>();
  for (const { metadata, binaryData } of await listBills(api, namespace)) {
    const digest = metadata.annotations?.[DIGEST_ANNOTATION];
    const packed = Buffer.from(binaryData?.[KEY] ?? "", "base64");
    const bytes = await promisify(gunzip)(packed).catch(() => undefined);
    if (digest !== undefined && bytes) bills.set(digest, bytes.toString("utf8"));
  }
  return bills;
}

function listBills(api: KubernetesApi, namespace: string): Promise<BillObject[]> {
  return api.list<BillObject>(
    { apiVersion: "v1", kind: "ConfigMap", namespace },
    { labelSelector: BILL_LABEL },
  );
}
