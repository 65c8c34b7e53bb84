// `edgeflock artifacts ls`. Reads the store and the cluster.
import { judge } from "./judge.ts";
import { type OpenedStore, openStoreOf, type StoreOptions } from "./open-stores.ts";
import { rowOf, table } from "./rows.ts";

export async function listArtifacts(options: StoreOptions & { json?: true }): Promise<void> {
  const rows = (await judgedArtifacts(await openStoreOf(options))).map(rowOf);
  if (options.json) {
    console.log(JSON.stringify(rows, undefined, 2));
    return;
  }
  const lines = rows.map((row) => [
    row.digest.slice(0, 19),
    row.class ?? "-",
    row.chip ?? "-",
    row.version ?? "-",
    row.size === null ? "-" : String(row.size),
    row.created ?? "-",
    `${row.secretBearing ? "with a secret; " : ""}${row.garbage ? "garbage: " : ""}${row.reason}`,
  ]);
  console.log(table(["DIGEST", "CLASS", "CHIP", "VERSION", "BYTES", "BUILT", "STATE"], lines));
}

export async function judgedArtifacts(opened: OpenedStore) {
  const { api, clusterUid, namespace, kind } = opened;
  const stored = await (await opened.as("")).list();
  const judged = await judge(stored, { api, clusterUid, namespace, inCluster: kind === "cluster" });
  return judged.sort((a, b) => (a.digest < b.digest ? -1 : 1));
}
